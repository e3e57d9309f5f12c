#include <algorithm>

#include "gpu_transforms/linear_axes.h"
#include "gpu_transforms/prepared_resampling.h"

namespace voxd {
namespace {

/// Row r of channel, x, y. Scratch: a float64 per z of the source.
template <class T>
struct BlendThenInterpolate {
  BlendFrom<T> from;
  float* out;
  std::int32_t out_x, out_y, out_z;
  std::int64_t in_channel;
  TapAxis z;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    double* blended = reinterpret_cast<double*>(team.scratch);
    const std::int64_t channel = r / out_y / out_x;
    BlendFrom<T> source = from;
    source.in += channel * in_channel;
    const FourRows<T> rows =
        source.at(static_cast<std::int32_t>(r / out_y % out_x), static_cast<std::int32_t>(r % out_y));
    team.each(from.nz, [=](std::int32_t i) { blended[i] = rows.blended(i); });
    team.sync();
    float* to = out + r * out_z;
    const TapAxis table = z;
    team.each(out_z, [=](std::int32_t i) { to[i] = static_cast<float>(table.of(blended, i)); });
  }
};

/// Index r of channel, x of the slab, block of y.
struct BlendToVolume {
  BlendRing from;
  float* out;  ///< the slab's first plane
  std::int32_t begin, planes;
  std::int64_t out_channel;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    const std::int64_t blocks = from.blocks_per_plane(), x = r / blocks % planes, channel = r / blocks / planes;
    const std::int32_t y = static_cast<std::int32_t>(r % blocks) * from.block.rows;
    float* to = out + channel * out_channel + (x * from.out_y + y) * from.nz;
    const std::int32_t nz = from.nz;
    from.run(team, reinterpret_cast<double*>(team.scratch), channel, begin + static_cast<std::int32_t>(x), y,
             [=](std::int32_t i, std::int32_t z, float value) { to[i * nz + z] = value; });
  }
};

template <class T>
void sample_z_last(const LinearAxes& axes, const T* in, std::int32_t channels, float* out, Stream& stream) {
  const auto& [nx, ny, nz] = axes.in;
  const auto& [ox, oy, oz] = axes.out;
  parallel::for_each_team(
      stream, std::int64_t{channels} * ox * oy, std::int64_t{nz} + 4 * std::int64_t{oz},
      sizeof(double) * static_cast<std::size_t>(nz),
      BlendThenInterpolate<T>{{in, ny, nz, axes.x, axes.y}, out, ox, oy, oz, std::int64_t{nx} * ny * nz, axes.z});
}

template <class T>
void sample_z_first(const LinearAxes& axes, const T* in, std::int32_t channels, float* out, Workspace& workspace) {
  const std::int64_t oy = axes.out[1], nz = axes.out[2];
  for_each_slab(axes, in, channels, 0, workspace, [&](const BlendRing& rows, const Slab& slab) {
    const std::int32_t planes = slab.end - slab.begin;
    parallel::for_each_team(workspace.stream(), channels * planes * rows.blocks_per_plane(), 3 * rows.block.rows * nz,
                            rows.block.ring_bytes(rows.nz),
                            BlendToVolume{rows, out + slab.begin * oy * nz, slab.begin, planes, axes.out[0] * oy * nz});
  });
}

TapAxis make_taps(const AxisMap& map, std::vector<std::shared_ptr<std::byte>>& memory, Workspace& workspace) {
  memory.push_back(workspace.allocate(kTapBytes * static_cast<std::size_t>(map.out)));
  auto* weights = reinterpret_cast<double*>(memory.back().get());
  auto* voxels = reinterpret_cast<std::int32_t*>(weights + 2 * std::int64_t{map.out});
  const TapAxis axis{voxels, voxels + map.out, weights, weights + map.out};
  parallel::for_each_row(workspace.stream(), 1, map.out, FillTaps{axis, map});
  return axis;
}

std::vector<LinearAxes::Planes> reach_of(const AxisMap& map) {
  std::vector<LinearAxes::Planes> reach;
  for (std::int32_t i = 0; i < map.out; ++i) {
    const Tap tap = tap_at(map.position(i), map.in, map.outside, map.align_corners);
    reach.push_back({tap.lower, tap.upper});
  }
  return reach;
}

LinearAxes::Planes both(const LinearAxes::Planes& a, const LinearAxes::Planes& b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}

/// The most voxels of the source that `rows` indices from a multiple of it on reach.
std::int32_t span_of(const std::vector<LinearAxes::Planes>& reach, std::int32_t rows) {
  std::int32_t span = 0;
  for (std::size_t begin = 0; begin < reach.size(); begin += static_cast<std::size_t>(rows)) {
    LinearAxes::Planes all = reach[begin];
    for (std::size_t i = begin; i < std::min(reach.size(), begin + static_cast<std::size_t>(rows)); ++i)
      all = both(all, reach[i]);
    span = std::max(span, all.high - all.low + 1);
  }
  return span;
}

}  // namespace

// In units of one blended value; interpolating one from two gathered ones costs about four of them.
bool z_comes_first(const Int3& in, const Int3& out) {
  const double in_rows = double(in[0]) * in[1], out_rows = double(out[0]) * out[1];
  const double last = out_rows * (in[2] + 4.0 * out[2]);
  const double first = in_rows * 5.0 * out[2] + out_rows * 1.5 * out[2];
  return first < last;
}

LinearAxes make_linear_axes(const GridMap& map, Workspace& workspace) {
  LinearAxes axes;
  axes.in = {map.in[0], map.in[1], map.in[2]};
  axes.out = {map.out[0], map.out[1], map.out[2]};
  axes.z_first = map.z_first;
  axes.x = make_taps(axis_of(map, 0), axes.memory, workspace);
  axes.y = make_taps(axis_of(map, 1), axes.memory, workspace);
  axes.z = make_taps(axis_of(map, 2), axes.memory, workspace);
  axes.reach_x = reach_of(axis_of(map, 0));
  axes.reach_y = reach_of(axis_of(map, 1));
  return axes;
}

SlabPlan plan_slabs(const LinearAxes& axes, std::int32_t channels) {
  const std::int64_t plane_bytes = std::int64_t{channels} * axes.in[1] * axes.out[2] * std::int64_t{sizeof(double)};
  const std::int64_t most = std::max<std::int64_t>(2, kRingBytes / std::max<std::int64_t>(1, plane_bytes));
  SlabPlan plan{static_cast<std::int32_t>(std::min<std::int64_t>(most, axes.in[0])), {}};
  LinearAxes::Planes held = {0, -1};
  for (std::int32_t begin = 0; begin < axes.out[0];) {
    LinearAxes::Planes needed = axes.reach_x[static_cast<std::size_t>(begin)];
    std::int32_t end = begin + 1;
    for (; end < axes.out[0]; ++end) {
      const LinearAxes::Planes all = both(needed, axes.reach_x[static_cast<std::size_t>(end)]);
      if (all.high - all.low + 1 > plan.planes) break;
      needed = all;
    }
    LinearAxes::Planes fresh = needed;
    if (held.low <= needed.low && needed.low <= held.high)
      fresh.low = std::min(held.high, needed.high) + 1;
    else if (held.low <= needed.high && needed.high <= held.high)
      fresh.high = std::max(held.low, needed.low) - 1;
    plan.slabs.push_back({begin, end, fresh.low, fresh.high - fresh.low + 1});
    held = needed;
    begin = end;
  }
  return plan;
}

BlendBlock BlendBlock::of(const LinearAxes& axes, std::int64_t row_bytes) {
  constexpr std::int64_t kScratch = 32 << 10;
  for (const std::int32_t rows : {8, 4, 2}) {
    const std::int32_t span = span_of(axes.reach_y, rows);
    if (axes.out[2] * (8 * span + rows * row_bytes) <= kScratch) return {rows, span};
  }
  return {1, span_of(axes.reach_y, 1)};
}

void sample_linear_axes(const PreparedResampling& prepared, DeviceVolume& result, Workspace& workspace) {
  const LinearAxes axes = make_linear_axes(prepared.map, workspace);
  const auto run = [&](auto zero) {
    using T = decltype(zero);
    const T* in = prepared.source.data<T>();
    float* out = result.mutable_data<float>();
    if (axes.z_first)
      sample_z_first(axes, in, result.channels(), out, workspace);
    else
      sample_z_last(axes, in, result.channels(), out, workspace.stream());
  };
  switch (prepared.source.dtype()) {
    case DType::u8: return run(std::uint8_t{});
    case DType::i16: return run(std::int16_t{});
    default: return run(float{});
  }
}

}  // namespace voxd
