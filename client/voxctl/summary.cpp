#include "client/voxctl/summary.h"

#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

namespace voxd::ctl {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* stages_in_order[] = {"decode", "queue", "pre", "network", "post", "encode"};

/// One entry per label of the report: {"label", "name", "voxels", "ml"}.
Json labels_of(const std::string& report) {
  try {
    const Json parsed = Json::parse(report);
    Json labels = Json::array();
    for (const Json& label : parsed.at("labels"))
      labels.push_back({{"label", label.at("label").get<int>()},
                        {"name", label.value("name", "")},
                        {"voxels", label.at("voxels").get<std::int64_t>()},
                        {"ml", label.at("ml").get<double>()}});
    return labels;
  } catch (const Json::exception& error) {
    fail(Code::data_loss, "answer: the report cannot be read: ", error.what());
  }
}

Json stages_of(const SegmentationOutcome& outcome) {
  Json stages = Json::object();
  for (const char* stage : stages_in_order)
    if (const auto found = outcome.stage_ms.find(stage); found != outcome.stage_ms.end()) stages[stage] = found->second;
  return stages;
}

}  // namespace

std::string text_of(const Summary& summary) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1);
  const Json labels = labels_of(summary.outcome.report);
  for (const Json& label : labels) {
    text << "label " << label["label"].get<int>();
    if (const auto name = label["name"].get<std::string>(); !name.empty()) text << " (" << name << ')';
    text << ": " << label["ml"].get<double>() << " ml\n";
  }
  if (labels.empty()) text << "nothing found: the mask is empty\n";
  text << "time: " << std::setprecision(0);
  const char* separator = "";
  const Json stages = stages_of(summary.outcome);
  for (const auto& [stage, ms] : stages.items()) {
    text << separator << stage << ' ' << ms.get<double>() << " ms";
    separator = ", ";
  }
  text << '\n';
  for (const auto& [result, path] : summary.files) text << result << ": " << path << '\n';
  for (const std::string& warning : summary.outcome.warnings) text << "warning: " << warning << '\n';
  return text.str();
}

std::string json_of(const Summary& summary) {
  Json object = {{"model", summary.model},
                 {"model_version", summary.outcome.model_version},
                 {"request_id", summary.outcome.request_id}};
  if (!summary.outcome.report.empty()) object["labels"] = labels_of(summary.outcome.report);
  object["warnings"] = summary.outcome.warnings;
  object["stages_ms"] = stages_of(summary.outcome);
  object["files"] = Json::object();
  for (const auto& [result, path] : summary.files) object["files"][result] = path;
  return object.dump(2);
}

}  // namespace voxd::ctl
