#include "server/infer_response.h"

#include <nlohmann/json.hpp>

namespace voxd {
namespace {

std::string stages_text(const StageTimes& stage_ms) {
  nlohmann::ordered_json stages;
  for (int i = 0; i < kStages; ++i)
    stages[std::string(name_of(static_cast<Stage>(i)))] = stage_ms[static_cast<std::size_t>(i)];
  return stages.dump();
}

std::string affine_text(const Affine& affine) {
  nlohmann::json numbers = nlohmann::json::array();
  for (const auto& row : affine)
    for (const double number : row) numbers.push_back(number);
  return numbers.dump();
}

std::string box_text(const Box& box) { return nlohmann::json::array({box.start, box.end}).dump(); }

}  // namespace

inference::ModelInferResponse infer_response(const TensorResult& result, const InferResponseHead& head) {
  inference::ModelInferResponse response;
  response.set_model_name(head.model);
  response.set_model_version(head.version);
  response.set_id(head.id);
  auto& parameters = *response.mutable_parameters();
  parameters["stage_ms"].set_string_param(stages_text(result.stage_ms));
  if (result.crop) parameters["crop_box"].set_string_param(box_text(*result.crop));
  for (const OutputTensor& output : result.outputs) {
    auto& described = *response.add_outputs();
    described.set_name(output.name);
    described.set_datatype(std::string(output.datatype));
    for (const std::int64_t axis : output.shape) described.add_shape(axis);
    const Affine& affine = output.volume->geometry.affine;
    if (response.outputs_size() == 1)
      parameters["affine"].set_string_param(affine_text(affine));
    else if (affine != result.outputs.front().volume->geometry.affine)
      (*described.mutable_parameters())["affine"].set_string_param(affine_text(affine));
  }
  return response;
}

}  // namespace voxd
