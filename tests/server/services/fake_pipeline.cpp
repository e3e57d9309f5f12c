#include "tests/server/services/fake_pipeline.h"

namespace voxd::test {
namespace {

float value_at(const HostVolume& image, std::int64_t index) {
  return visit_dtype(image.dtype, [&](auto zero) {
    using T = decltype(zero);
    return static_cast<float>(image.as<T>()[static_cast<std::size_t>(index)]);
  });
}

template <class T, class F>
HostVolume mapped(const HostVolume& image, const Geometry& geometry, const HostAllocator& allocate, F f) {
  HostVolume volume = make_host_volume(dtype_of<T>, 1, geometry, allocate);
  const auto out = volume.as<T>();
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<T>(f(value_at(image, static_cast<std::int64_t>(i))));
  return volume;
}

}  // namespace

FakePipeline::FakePipeline() {
  description_.name = "fake";
  description_.task = "finds what is above one half";
  description_.description = "a model for tests";
  description_.inputs = {{"INPUT0", "image", "FP32", {1, -1, -1, -1}}};
  description_.outputs = {{"MASK", "pred", "UINT8", {1, 1, -1, -1, -1}},
                          {"CONTOUR", "contour", "UINT8", {1, 1, -1, -1, -1}},
                          {"SCALED", "scaled", "FP32", {1, -1, -1, -1}}};
  description_.contour_key = "contour";
  description_.has_probabilities = true;
  description_.labels = {{0, "background"}, {1, "thing"}};
}

PipelineResult FakePipeline::run(const std::vector<HostVolume>& images, JobContext& context,
                                 const HostAllocator& allocate, const Extras& extras) const {
  ++runs;
  context.check();
  context.report(Stage::pre, 0);
  context.report(Stage::network, 0);
  if (gate) gate->pass(context);
  most_windows = context.most_windows;
  if (out_of_memory > 0) {
    --out_of_memory;
    fail(Code::resource_exhausted, "memory: none is left");
  }
  if (fails) fail(Code::invalid_argument, "image: not to the network's liking");
  context.report(Stage::network, 1);
  context.report(Stage::post, 0);
  const HostVolume& image = images.at(0);
  const Geometry& geometry = image.geometry;
  PipelineResult result;
  result.crop = crop;
  result.outputs.push_back({"pred", mapped<std::uint8_t>(image, geometry, allocate, [](float v) { return v > 0.5f; })});
  result.outputs.push_back(
      {"contour", mapped<std::uint8_t>(image, geometry, allocate, [](float v) { return v > 1.5f; })});
  result.outputs.push_back({"scaled", mapped<float>(image, geometry, allocate, [](float v) { return 2 * v; })});
  if (extras.contour && description_.contour_key.empty())
    result.contour = mapped<std::uint8_t>(image, geometry, allocate, [](float) { return 1; });
  if (extras.probabilities) {
    result.probabilities = make_host_volume(DType::f32, 2, geometry, allocate);
    for (std::size_t i = 0; float& value : result.probabilities->as<float>()) value = static_cast<float>(i++);
  }
  if (extras.components) result.components = {{1, 3}};
  result.stage_ms[static_cast<std::size_t>(Stage::network)] = 1;
  return result;
}

std::int64_t FakePipeline::peak_bytes(DType, std::int32_t channels, const Geometry& image, const Extras&) const {
  return 8 * channels * image.voxels();
}

}  // namespace voxd::test
