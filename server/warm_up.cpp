#include "server/warm_up.h"

#include <spdlog/spdlog.h>

#include <vector>

namespace voxd {
namespace {

/// Values that rise along each axis, so that a chain which looks for foreground or percentiles finds some.
HostVolume ramp(const Int3& size, const HostAllocator& allocate) {
  HostVolume volume = make_host_volume(DType::i16, 1, {size, identity_affine()}, allocate);
  auto voxel = volume.as<std::int16_t>().begin();
  for (std::int32_t x = 0; x < size[0]; ++x)
    for (std::int32_t y = 0; y < size[1]; ++y)
      for (std::int32_t z = 0; z < size[2]; ++z) *voxel++ = static_cast<std::int16_t>(x + y + z);
  return volume;
}

void run_once(const Pipeline& pipeline, const Int3& size, WorkerResources& resources) {
  std::vector<HostVolume> images;
  for (std::int32_t channel = 0; channel < pipeline.description().input_channels; ++channel)
    images.push_back(ramp(size, resources.staging));
  const StreamPool::Lease stream = resources.streams.lease();
  Workspace workspace(*stream, resources.device_memory, resources.budget_bytes);
  JobContext context{workspace, {}, {}, {}};
  pipeline.run(images, context, resources.staging);
}

}  // namespace

void warm_up(const Model& model, WorkerResources& resources) {
  const std::optional<Int3> size = model.pipeline->description().warm_up_image;
  if (!size) return;
  try {
    run_once(*model.pipeline, *size, resources);
  } catch (const std::exception& error) {
    spdlog::warn("model {} version {}: warm-up failed: {}", model.name, model.version, error.what());
  }
}

void warm_up(const ModelRepository& models, WorkerResources& resources) {
  for (const ModelStatus& status : models.list())
    if (status.ready) warm_up(*models.find(status.name, status.version), resources);
}

}  // namespace voxd
