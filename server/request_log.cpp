#include "server/request_log.h"

#include <spdlog/fmt/fmt.h>

#include <nlohmann/json.hpp>

#include "gpu_transforms/volume/status_name.h"
#include "server/errors.h"
#include "server/logging.h"
#include "server/printable.h"

namespace voxd {
namespace {

constexpr std::size_t kMaxDetail = 300;
constexpr std::size_t kMaxId = 128;

std::string stages_of(const StageTimes& stage_ms) {
  std::string text;
  for (int i = 0; i < kStages; ++i)
    text += fmt::format(" {}={:.1f}ms", name_of(static_cast<Stage>(i)), stage_ms[static_cast<std::size_t>(i)]);
  return text;
}

std::string text_of(const RequestRecord& record) {
  const std::string id = printable(record.id, kMaxId);
  const std::string_view model = record.model.empty() ? "-" : std::string_view(record.model);
  const std::string trace = record.trace.empty() ? "" : " trace=" + record.trace;
  if (!record.code)
    return fmt::format("{} id={}{} model={} version={} in={} out={}{} {}", record.rpc, id, trace, model, record.version,
                       record.bytes_in, record.bytes_out, stages_of(record.stage_ms), record.outcome);
  return fmt::format("{} id={}{} model={} version={} in={} {} in stage {}: {}", record.rpc, id, trace, model,
                     record.version, record.bytes_in, record.outcome, record.stage,
                     printable(record.detail, kMaxDetail));
}

std::string json_of(const RequestRecord& record) {
  nlohmann::ordered_json json{{"rpc", record.rpc},
                              {"id", printable(record.id, kMaxId)},
                              {"trace", record.trace},
                              {"model", record.model},
                              {"version", record.version},
                              {"bytes_in", record.bytes_in},
                              {"bytes_out", record.bytes_out}};
  for (int i = 0; i < kStages; ++i)
    json["stage_ms"][std::string(name_of(static_cast<Stage>(i)))] = record.stage_ms[static_cast<std::size_t>(i)];
  json["outcome"] = record.outcome;
  if (record.code) {
    json["stage"] = record.stage;
    json["detail"] = printable(record.detail, kMaxDetail);
  }
  return json.dump();
}

}  // namespace

void RequestRecord::fail(const Error& error) {
  outcome = status_name_of(error.code());
  code = error.code();
  detail = error.what();
}

void log_request(const RequestRecord& record) { log_event(text_of(record), json_of(record)); }

}  // namespace voxd
