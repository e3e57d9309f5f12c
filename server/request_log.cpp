#include "server/request_log.h"

#include <spdlog/spdlog.h>

#include "server/serving.h"

namespace voxd {
namespace {

constexpr std::size_t kMaxDetail = 300;

std::string stages_of(const StageTimes& stage_ms) {
  std::string text;
  for (int i = 0; i < kStages; ++i)
    text += fmt::format(" {}={:.1f}ms", name_of(static_cast<Stage>(i)), stage_ms[static_cast<std::size_t>(i)]);
  return text;
}

}  // namespace

void log_request(const RequestRecord& record) {
  const std::string id = printable(record.id, 128);
  const std::string_view model = record.model.empty() ? "-" : std::string_view(record.model);
  if (record.detail.empty())
    spdlog::info("{} id={} model={} version={} in={} out={}{} {}", record.rpc, id, model, record.version,
                 record.bytes_in, record.bytes_out, stages_of(record.stage_ms), record.outcome);
  else
    spdlog::info("{} id={} model={} version={} in={} {}: {}", record.rpc, id, model, record.version, record.bytes_in,
                 record.outcome, printable(record.detail, kMaxDetail));
}

}  // namespace voxd
