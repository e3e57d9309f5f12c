#include <algorithm>
#include <cmath>

#include "gpu_transforms/gaussian_smooth.h"
#include "gpu_transforms/parallel.h"

// A separable convolution in two passes: along X, where whole rows are added, and along Y and Z, where the sum of rows
// stays in scratch memory for the pass along Z. Weights are computed once per axis, by the device.
namespace voxd {
namespace {

/// weight[k + tail] for k in -tail..tail.
struct Kernel {
  const float* weight;
  std::int32_t tail;
};

/// The integral of the Gaussian over each voxel, in float32 as in MONAI; the error function in float64, so that it is
/// the same on every device.
struct FillKernel {
  float* weight;
  std::int32_t tail;
  float sigma;
  VOXD_HD FillKernel row(std::int64_t) const { return *this; }
  VOXD_HD void operator()(std::int32_t i) const {
    const float x = static_cast<float>(i - tail), scale = 0.70710678f / sigma;
    const float upper = static_cast<float>(erf(static_cast<double>(scale * (x + 0.5f)))),
                lower = static_cast<float>(erf(static_cast<double>(scale * (x - 0.5f))));
    const float integral = 0.5f * (upper - lower);
    weight[i] = integral > 0 ? integral : 0;
  }
};

struct KernelMemory {
  std::shared_ptr<float> memory;
  Kernel kernel;
};

/// Of an axis of n voxels, beyond which a weight meets zeros only.
KernelMemory make_kernel(double sigma, std::int32_t n, Workspace& workspace) {
  const double reach = std::max(static_cast<double>(static_cast<float>(sigma)) * 4, 0.5) + 0.5;
  const std::int32_t tail = std::max(1, static_cast<std::int32_t>(std::min(reach, n - 1.0)));
  const auto memory = workspace.allocate_array<float>(2 * std::int64_t{tail} + 1);
  parallel::for_each_row(workspace.stream(), 1, 2 * tail + 1,
                         FillKernel{memory.get(), tail, static_cast<float>(sigma)});
  return {memory, {memory.get(), tail}};
}

/// out[z] = the weighted sum of the rows at `step` around `in`, of which those from `before` before it to `after` after
/// it exist.
template <class Team>
VOXD_HD void add_rows(const Team& team, const Kernel& kernel, const float* in, std::int64_t step, std::int32_t before,
                      std::int32_t after, std::int32_t nz, float* out) {
  const std::int32_t first = before < kernel.tail ? -before : -kernel.tail,
                     last = after < kernel.tail ? after : kernel.tail;
  // No sync: a lane meets the same z in every pass.
  team.each(nz, [=](std::int32_t z) { out[z] = 0; });
  for (std::int32_t k = first; k <= last; ++k) {
    const float weight = kernel.weight[k + kernel.tail];
    const float* row = in + k * step;
    team.each(nz, [=](std::int32_t z) { out[z] += weight * row[z]; });
  }
}

struct SmoothX {
  const float* in;
  float* out;
  std::int32_t nx, ny, nz;
  Kernel x;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    const std::int32_t at = static_cast<std::int32_t>(r / ny % nx);
    add_rows(team, x, in + r * nz, std::int64_t{ny} * nz, at, nx - 1 - at, nz, out + r * nz);
  }
};

/// Scratch: the smoothed row with `tail` zeros at either end, and the result.
struct SmoothYZ {
  const float* in;
  float* out;
  std::int32_t ny, nz;
  Kernel y, z;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    const std::int32_t at = static_cast<std::int32_t>(r % ny), n = nz, tail = z.tail;
    float* padded = reinterpret_cast<float*>(team.scratch);
    float* row = padded + tail;
    team.each(tail, [=](std::int32_t i) { padded[i] = row[n + i] = 0; });
    add_rows(team, y, in + r * nz, nz, at, ny - 1 - at, nz, row);
    team.sync();
    add_rows(team, z, row, 1, tail, tail, nz, out + r * nz);
  }
};

}  // namespace

DeviceVolume gaussian_smooth(const DeviceVolume& volume, const Vec3& sigma, Workspace& workspace) {
  const auto [nx, ny, nz] = volume.size();
  const std::int64_t rows = std::int64_t{volume.channels()} * nx * ny;
  Stream& stream = workspace.stream();
  const KernelMemory x = make_kernel(sigma[0], nx, workspace), y = make_kernel(sigma[1], ny, workspace),
                     z = make_kernel(sigma[2], nz, workspace);
  DeviceVolume result(DType::f32, volume.channels(), volume.geometry(), workspace);
  DeviceVolume smooth_x(DType::f32, volume.channels(), volume.geometry(), workspace);
  parallel::for_each_team(stream, rows, std::int64_t{nz} * (2 * x.kernel.tail + 1), 0,
                          SmoothX{volume.data<float>(), smooth_x.mutable_data<float>(), nx, ny, nz, x.kernel});
  parallel::for_each_team(stream, rows, std::int64_t{nz} * 2 * (y.kernel.tail + z.kernel.tail + 1),
                          sizeof(float) * (static_cast<std::size_t>(nz) + 2 * static_cast<std::size_t>(z.kernel.tail)),
                          SmoothYZ{smooth_x.data<float>(), result.mutable_data<float>(), ny, nz, y.kernel, z.kernel});
  return result;
}

}  // namespace voxd
