#include "gpu_transforms/windows.h"
#include "tests/bench/bench_case.h"

namespace voxd::bench {
namespace {

/// A network that costs nothing.
DeviceVolume as_they_are(const DeviceVolume& windows, std::int32_t) { return windows; }

}  // namespace

void add_window_cases(const Sizes& sizes, Cases& cases) {
  // A spleen CT at the spacing that its network was trained at: 125 windows.
  const Int3 spleen = {270, 270, 284};
  const Int3 size = sizes.net == real_sizes().net ? spleen : sizes.net;
  SlidingWindows params;
  params.roi_size = {size == spleen ? 96 : size[0] / 2};
  params.overlap = {0.5};
  params.sw_batch_size = 4;
  const WindowGrid grid = window_grid(size, params);
  for (const WindowMode mode : {WindowMode::constant, WindowMode::gaussian}) {
    params.mode = mode;
    const char* mode_name = mode == WindowMode::constant ? "constant" : "gaussian";
    const std::string name = words({"sliding windows,", mode_name, std::to_string(grid.count()), "x",
                                    to_string(grid.roi()), "of", to_string(size)});
    const double windows = static_cast<double>(grid.count()) * grid.roi()[0] * grid.roi()[1] * grid.roi()[2];
    cases.push_back(
        {.name = name,
         .inputs = {[size] { return noise(1, size); }},
         .run = [params](const Inputs& in, Workspace& w) { return blend_windows(in[0], params, as_they_are, w); },
         .peer = alone("sliding_windows", {{"roi_size", list(grid.roi())},
                                           {"sw_batch_size", params.sw_batch_size},
                                           {"overlap", params.overlap[0]},
                                           {"mode", mode_name}}),
         .target = 30,
         // Copied out, read, and added to a sum that is read and written.
         .more_bytes = 5 * sizeof(float) * windows});
  }
}

}  // namespace voxd::bench
