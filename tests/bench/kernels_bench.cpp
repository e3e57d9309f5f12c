#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gpu_transforms/intensity.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/spatial.h"

// Measures the kernels on volumes of the size of real ones. A machine's milliseconds mean little: what is printed
// beside them is the share of the speed at which the same machine, in the same run, reads a float32 volume and writes
// it back (the copy floor).
namespace voxd {
namespace {

constexpr int kRepeats = 7;

double best_ms(const std::function<void()>& work) {
  double best = INFINITY;
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

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

/// Air at -1024 around a body of noise, as in a CT.
HostVolume body(DType dtype, const Int3& size) {
  std::mt19937 random(1);
  return filled(dtype, 1, size, [&](int, int x, int y, int) {
    const double u = 2.0 * x / size[0] - 1, v = 2.0 * y / size[1] - 1;
    return u * u + 1.8 * v * v < 0.64 ? static_cast<int>(random() % 400) - 100 : -1024;
  });
}

/// An ellipsoid with a rough surface and a few crumbs around it.
HostVolume organ(const Int3& size) {
  std::mt19937 random(2);
  return filled(DType::u8, 1, size, [&](int, int x, int y, int z) {
    const double u = 2.6 * x / size[0] - 1.3, v = 3.0 * y / size[1] - 1.5, w = 2.4 * z / size[2] - 1.2;
    const double r = u * u + v * v + w * w;
    return r < 0.7 || (r < 0.72 && random() % 3 == 0) || random() % 300000 == 0 ? 1 : 0;
  });
}

HostVolume noise(std::int32_t channels, const Int3& size) {
  std::mt19937 random(3);
  return filled(DType::f32, channels, size,
                [&](int, int, int, int) { return static_cast<float>(random() % 1000) / 1000; });
}

/// d[i] = s[i] * c over float32 volumes, on as many threads as the machine has: what memory alone costs. Bytes per ms,
/// both directions.
double copy_floor() {
  constexpr std::size_t kVoxels = std::size_t{512} * 512 * 114;
  const std::vector<float> source(kVoxels, 1.5f);
  std::vector<float> target(kVoxels);
  const std::size_t threads = std::max(1u, std::thread::hardware_concurrency());
  const double ms = best_ms([&] {
    std::vector<std::jthread> workers;
    for (std::size_t t = 0; t < threads; ++t)
      workers.emplace_back([&, t] {
        for (std::size_t i = kVoxels * t / threads; i < kVoxels * (t + 1) / threads; ++i) target[i] = source[i] * 1.25f;
      });
  });
  return 2 * kVoxels * sizeof(float) / ms;
}

class Bench {
 public:
  Bench(Backend backend, std::string filter)
      : stream_(make_cpu_stream(backend)),
        pool_(cpu_allocator(), {}),
        workspace_(*stream_, pool_),
        filter_(std::move(filter)),
        floor_(copy_floor()) {
    std::printf("backend %s, copy floor %.1f GB/s (float32 512x512x114, read and written by all threads)\n\n",
                std::string(name_of(backend)).c_str(), floor_ / 1e6);
    std::printf("%-46s %9s %8s %16s\n", "kernel", "ms", "GB/s", "of copy floor");
  }

  /// `run` gets what `make` makes and returns its result; counted are the bytes of both.
  void measure(const std::string& name, const std::function<HostVolume()>& make,
               const std::function<DeviceVolume(const DeviceVolume&, Workspace&)>& run) {
    if (name.find(filter_) == std::string::npos) return;
    const HostVolume host = make();
    const DeviceVolume input = upload(host, workspace_);
    stream_->synchronize();
    double bytes = 0;
    const double ms = best_ms([&] {
      const DeviceVolume result = run(input, workspace_);
      stream_->synchronize();
      bytes = static_cast<double>(input.bytes() + result.bytes());
    });
    std::printf("%-46s %9.2f %8.1f %15.0f%%\n", name.c_str(), ms, bytes / ms / 1e6, 100 * bytes / ms / floor_);
  }

 private:
  std::unique_ptr<Stream> stream_;
  MemoryPool pool_;
  Workspace workspace_;
  const std::string filter_;
  const double floor_;
};

void run(Backend backend, const std::string& filter) {
  Bench bench(backend, filter);
  const Int3 ct = {512, 512, 114}, net = {224, 224, 224}, head = {181, 217, 181};
  const ScaleIntensityRange scaling{.a_min = -57, .a_max = 164, .b_min = 0.0, .b_max = 1.0, .clip = true};
  const auto scale = [&](const DeviceVolume& v, Workspace& w) { return scale_intensity_range(v, scaling, w); };
  const auto box = [](const DeviceVolume& v, Workspace& w) {
    foreground_box(v, {}, w);
    return DeviceVolume(DType::u8, 1, {{1, 1, 1}, identity_affine()}, w);
  };
  const auto resize_to = [](const Int3& size, Interpolation mode) {
    return [=](const DeviceVolume& v, Workspace& w) {
      return resize(
          v, {.spatial_size = {size[0], size[1], size[2]}, .longest = false, .mode = mode, .align_corners = false}, w);
    };
  };
  const auto oriented = [](const char* axcodes) {
    return [=](const DeviceVolume& v, Workspace& w) { return orientation(v, axcodes, w); };
  };
  const auto ct_f32 = [&] { return body(DType::f32, ct); };
  const auto ct_i16 = [&] { return body(DType::i16, ct); };
  bench.measure("scale f32 512x512x114", ct_f32, scale);
  bench.measure("scale int16 -> f32 512x512x114", ct_i16, scale);
  bench.measure("foreground box f32 512x512x114", ct_f32, box);
  bench.measure("foreground box int16 512x512x114", ct_i16, box);
  bench.measure("crop f32 512x512x114 -> 408x306x114", ct_f32, [](const DeviceVolume& v, Workspace& w) {
    return crop(v, {{52, 103, 0}, {460, 409, 114}}, 0, w);
  });
  bench.measure("orientation f32 flip x and y (LPS)", ct_f32, oriented("LPS"));
  bench.measure("orientation f32 flip z (RAI)", ct_f32, oriented("RAI"));
  bench.measure("orientation f32 turn axes (SRA)", ct_f32, oriented("SRA"));
  bench.measure(
      "area f32 408x306x114 -> 224^3",
      [&] {
        return noise(1, {408, 306, 114});
      },
      resize_to(net, Interpolation::area));
  const auto head_f32 = [&] { return noise(1, head); };
  bench.measure("area f32 181x217x181 -> 256^3", head_f32, resize_to({256, 256, 256}, Interpolation::area));
  bench.measure(
      "area f32 256^3 x2 -> 181x217x181",
      [&] {
        return noise(2, {256, 256, 256});
      },
      resize_to(head, Interpolation::area));
  bench.measure("trilinear f32 512x512x114 -> 270x270x284", ct_f32,
                resize_to({270, 270, 284}, Interpolation::trilinear));
  bench.measure("trilinear f32 181x217x181 -> 256^3", head_f32, resize_to({256, 256, 256}, Interpolation::trilinear));
  bench.measure("nearest f32 512x512x114 -> 270x270x284", ct_f32, resize_to({270, 270, 284}, Interpolation::nearest));
  const auto cube = [] { return body(DType::f32, {256, 256, 256}); };
  bench.measure("percentiles and scale f32 256^3", cube, [](const DeviceVolume& v, Workspace& w) {
    return scale_intensity_range_percentiles(v,
                                             {.lower = 0.5,
                                              .upper = 99.5,
                                              .b_min = 0.0,
                                              .b_max = 1.0,
                                              .clip = true,
                                              .relative = false,
                                              .channel_wise = false},
                                             w);
  });
  bench.measure("normalize f32 256^3", cube,
                [](const DeviceVolume& v, Workspace& w) { return normalize_intensity(v, {}, w); });
  bench.measure("normalize nonzero f32 256^3", cube, [](const DeviceVolume& v, Workspace& w) {
    return normalize_intensity(v, {.subtrahend = {}, .divisor = {}, .nonzero = true, .channel_wise = false}, w);
  });
  bench.measure(
      "argmax 2 x 224^3", [&] { return noise(2, net); },
      [](const DeviceVolume& v, Workspace& w) { return argmax(v, w); });
  bench.measure(
      "argmax 14 x 224^3", [&] { return noise(14, net); },
      [](const DeviceVolume& v, Workspace& w) { return argmax(v, w); });
  const auto mask = [&] { return organ(net); };
  KeepLargestConnectedComponent one;
  one.applied_labels = {1};
  bench.measure("keep largest component, organ 224^3", mask,
                [&](const DeviceVolume& v, Workspace& w) { return keep_largest_connected_component(v, one, w); });
  const auto speckled = [] {
    std::mt19937 random(4);
    return filled(DType::u8, 1, {512, 512, 300}, [&](int, int, int, int) { return random() % 10 == 0; });
  };
  bench.measure("keep largest component, 10% noise 512x512x300", speckled,
                [&](const DeviceVolume& v, Workspace& w) { return keep_largest_connected_component(v, one, w); });
  bench.measure("contour u8 224^3", mask, [](const DeviceVolume& v, Workspace& w) { return label_to_contour(v, w); });
  bench.measure(
      "contour f32 noise 224^3", [&] { return noise(1, net); },
      [](const DeviceVolume& v, Workspace& w) { return label_to_contour(v, w); });
}

}  // namespace
}  // namespace voxd

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool serial = !arguments.empty() && arguments[0] == "cpp";
  if (arguments.size() > (serial ? 2u : 1u)) {
    std::fprintf(stderr, "usage: bench_kernels [cpp] [PART-OF-A-NAME]\n");
    return 1;
  }
  voxd::run(serial ? voxd::Backend::serial : voxd::default_cpu_backend(),
            arguments.size() > (serial ? 1u : 0u) ? arguments.back() : "");
}
