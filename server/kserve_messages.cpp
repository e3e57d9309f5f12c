#include "server/kserve_messages.h"

#include <array>
#include <string_view>
#include <utility>

namespace voxd {
namespace {

constexpr const char* kPlatform = "monai_bundle";
constexpr const char* kBackend = "voxd";

inference::DataType data_type_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, inference::DataType>, 12> types{{
      {"UINT8", inference::TYPE_UINT8},
      {"UINT16", inference::TYPE_UINT16},
      {"UINT32", inference::TYPE_UINT32},
      {"UINT64", inference::TYPE_UINT64},
      {"INT8", inference::TYPE_INT8},
      {"INT16", inference::TYPE_INT16},
      {"INT32", inference::TYPE_INT32},
      {"INT64", inference::TYPE_INT64},
      {"FP16", inference::TYPE_FP16},
      {"BF16", inference::TYPE_BF16},
      {"FP32", inference::TYPE_FP32},
      {"FP64", inference::TYPE_FP64},
  }};
  for (const auto& [known, type] : types)
    if (known == name) return type;
  return inference::TYPE_INVALID;
}

void fill(const TensorDescription& tensor, inference::ModelMetadataResponse::TensorMetadata& metadata) {
  metadata.set_name(tensor.name);
  metadata.set_datatype(tensor.datatype);
  for (const std::int64_t axis : tensor.shape) metadata.add_shape(axis);
}

template <class Message>
void fill(const TensorDescription& tensor, Message& config) {
  config.set_name(tensor.name);
  config.set_data_type(data_type_of(tensor.datatype));
  for (const std::int64_t axis : tensor.shape) config.add_dims(axis);
}

void fill(const ModelCounts::Duration& duration, inference::StatisticDuration& message) {
  message.set_count(duration.count);
  message.set_ns(duration.ns);
}

}  // namespace

void fill_metadata(const Model& model, inference::ModelMetadataResponse& metadata) {
  const PipelineDescription& description = model.pipeline->description();
  metadata.set_name(model.name);
  metadata.add_versions(model.version);
  metadata.set_platform(kPlatform);
  for (const TensorDescription& tensor : description.inputs) fill(tensor, *metadata.add_inputs());
  for (const TensorDescription& tensor : description.outputs) fill(tensor, *metadata.add_outputs());
}

void fill_config(const Model& model, int instances, bool cuda, inference::ModelConfig& config) {
  const PipelineDescription& description = model.pipeline->description();
  config.set_name(model.name);
  config.set_platform(kPlatform);
  config.set_backend(kBackend);
  config.set_max_batch_size(0);
  config.mutable_version_policy()->mutable_latest()->set_num_versions(1);
  for (const TensorDescription& tensor : description.inputs) fill(tensor, *config.add_input());
  for (const TensorDescription& tensor : description.outputs) fill(tensor, *config.add_output());
  inference::ModelInstanceGroup& group = *config.add_instance_group();
  group.set_name(model.name + "_0");
  group.set_count(instances);
  group.set_kind(cuda ? inference::ModelInstanceGroup::KIND_GPU : inference::ModelInstanceGroup::KIND_CPU);
}

void fill_statistics(const ModelStatus& status, const ModelCounts& counts, inference::ModelStatistics& statistics) {
  statistics.set_name(status.name);
  statistics.set_version(status.version);
  statistics.set_last_inference(static_cast<std::uint64_t>(counts.last_inference_ms));
  statistics.set_inference_count(counts.success.count);
  statistics.set_execution_count(counts.success.count);
  inference::InferStatistics& sums = *statistics.mutable_inference_stats();
  fill(counts.success, *sums.mutable_success());
  fill(counts.fail, *sums.mutable_fail());
  fill(counts.queue, *sums.mutable_queue());
  fill(counts.compute_input, *sums.mutable_compute_input());
  fill(counts.compute_infer, *sums.mutable_compute_infer());
  fill(counts.compute_output, *sums.mutable_compute_output());
}

}  // namespace voxd
