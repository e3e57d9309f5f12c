#include "tests/bench/bench_case.h"

#include <random>

namespace voxd::bench {

Sizes real_sizes() {
  return {{512, 512, 114}, {{52, 103, 0}, {460, 409, 114}}, {224, 224, 224}, {512, 512, 300}, {270, 270, 284}, 96};
}

Sizes cubes_of(std::int32_t n) {
  return {{n, n, n}, {{n / 8, n / 8, 0}, {n - n / 8, n - n / 8, n}}, {n, n, n}, {n, n, n}, {n, n, n}, n / 2};
}

namespace {

template <class F>
HostVolume filled(DType dtype, std::int32_t channels, const Int3& size, F value) {
  HostVolume volume = make_host_volume(dtype, channels, {size, identity_affine()});
  visit_dtype(dtype, [&](auto zero) {
    std::size_t i = 0;
    const auto voxels = volume.as<decltype(zero)>();
    for (int c = 0; c < channels; ++c)
      for (int x = 0; x < size[0]; ++x)
        for (int y = 0; y < size[1]; ++y)
          for (int z = 0; z < size[2]; ++z) voxels[i++] = static_cast<decltype(zero)>(value(c, x, y, z));
  });
  return volume;
}

/// 0 in the middle of an ellipsoid, 0.7 at its surface.
double distance(const Int3& size, int x, int y, int z) {
  const double u = 2.6 * x / size[0] - 1.3, v = 3.0 * y / size[1] - 1.5, w = 2.4 * z / size[2] - 1.2;
  return u * u + v * v + w * w;
}

}  // namespace

HostVolume body(DType dtype, const Int3& size) {
  std::mt19937 random(1);
  return filled(dtype, 1, size, [&](int, int x, int y, int) {
    const double u = 2.0 * x / size[0] - 1, v = 2.0 * y / size[1] - 1;
    return u * u + 1.8 * v * v < 0.64 ? static_cast<int>(random() % 400) - 100 : -1024;
  });
}

HostVolume organ(const Int3& size) {
  std::mt19937 random(2);
  return filled(DType::u8, 1, size, [&](int, int x, int y, int z) {
    const double r = distance(size, x, y, z);
    return r < 0.7 || (r < 0.72 && random() % 3 == 0) || random() % 300000 == 0 ? 1 : 0;
  });
}

HostVolume peppered(HostVolume mask) {
  std::mt19937 random(6);
  for (std::uint8_t& voxel : mask.as<std::uint8_t>()) voxel ^= random() % 50 == 0 ? 1 : 0;
  return mask;
}

HostVolume organs(const Int3& size, int labels) {
  HostVolume mask = organ(size);
  std::size_t i = 0;
  for (std::uint8_t& voxel : mask.as<std::uint8_t>()) {
    const auto slab = i++ * static_cast<std::size_t>(labels) / static_cast<std::size_t>(mask.geometry.voxels());
    voxel = static_cast<std::uint8_t>(voxel * (1 + slab));
  }
  return mask;
}

HostVolume any_labels(const Int3& size, int classes) {
  std::mt19937 random(7);
  return filled(DType::u8, 1, size, [&](int, int, int, int) { return random() % static_cast<unsigned>(classes); });
}

HostVolume speckled(const Int3& size) {
  std::mt19937 random(4);
  return filled(DType::u8, 1, size, [&](int, int, int, int) { return random() % 10 == 0; });
}

HostVolume noise(std::int32_t channels, const Int3& size) {
  std::mt19937 random(3);
  return filled(DType::f32, channels, size,
                [&](int, int, int, int) { return static_cast<float>(random() % 1000) / 1000; });
}

HostVolume organ_logits(const Int3& size) {
  std::mt19937 random(5);
  return filled(DType::f32, 2, size, [&](int c, int x, int y, int z) {
    return c == 0 ? 0.0f
                  : static_cast<float>(0.7 - distance(size, x, y, z) + static_cast<double>(random() % 100) / 5000);
  });
}

HostVolume placed(HostVolume volume, const Affine& affine) {
  volume.geometry.affine = affine;
  return volume;
}

WindowPredictor answer_with(const DeviceVolume& answers, std::int32_t channels) {
  return [answers, channels](const DeviceVolume& windows, std::int32_t count) {
    return DeviceVolume(DType::f32, channels * count, windows.geometry(), answers.memory());
  };
}

std::string_view name_of(Form form) { return form == Form::fused ? "fused" : "step by step"; }

std::string words(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text.append(text.empty() ? "" : " ").append(part);
  return text;
}

Json link(const std::string& transform, Json parameters) {
  parameters["transform"] = transform;
  return parameters;
}

Json alone(const std::string& transform, Json parameters) {
  return Json::array({Json::array({link(transform, std::move(parameters))})});
}

Json chain_for(DType dtype, Json steps) {
  if (dtype != DType::f32) steps.insert(steps.begin(), link("CastToType", {{"dtype", "float32"}}));
  return steps;
}

Json list(const Int3& values) { return {values[0], values[1], values[2]}; }

}  // namespace voxd::bench
