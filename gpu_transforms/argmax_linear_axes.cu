#include "gpu_transforms/argmax_linear_axes.h"
#include "gpu_transforms/argmax_rows.h"
#include "gpu_transforms/linear_axes.h"

// Interpolation in the orders of linear_axes.h, for all channels of a row before the next row, so that a score is
// compared as soon as it is made. Scores are rounded to float32 as sample() does, or the labels would differ from
// argmax() of its result.
namespace voxd {
namespace {

/// The largest so far and its channel, of n voxels. A lane meets the same z in every pass, so that none must wait.
struct Best {
  float* value;
  std::int32_t* label;

  VOXD_HD Best(std::byte* scratch, std::int32_t n)
      : value(reinterpret_cast<float*>(scratch)), label(reinterpret_cast<std::int32_t*>(value + n)) {}
  VOXD_HD void start(std::int32_t z, float first) const {
    value[z] = first;
    label[z] = 0;
  }
  VOXD_HD void offer(std::int32_t z, float score, std::int32_t channel) const {
    const float seen = value[z];
    const bool better = beats(score, seen);
    value[z] = better ? score : seen;
    label[z] = better ? channel : label[z];
  }
  static constexpr std::int64_t kBytes = 8;
  static std::size_t bytes(std::int32_t n) { return kBytes * static_cast<std::size_t>(n); }
};

/// Index r of x of the slab, block of y. Scratch: the ring's rows, and Best of the block's.
template <class Label>
struct BlendAndCompare {
  BlendRing from;
  Label* out;  ///< the slab's first plane
  std::int32_t begin, channels;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    const std::int64_t blocks = from.blocks_per_plane(), x = r / blocks;
    const std::int32_t y = static_cast<std::int32_t>(r % blocks) * from.block.rows, nz = from.nz;
    double* blended = reinterpret_cast<double*>(team.scratch);
    const Best best(reinterpret_cast<std::byte*>(blended + from.block.span * nz), from.block.rows * nz);
    const auto ox = begin + static_cast<std::int32_t>(x);
    from.run(team, blended, 0, ox, y,
             [=](std::int32_t i, std::int32_t z, float score) { best.start(i * nz + z, score); });
    for (std::int32_t channel = 1; channel < channels; ++channel)
      from.run(team, blended, channel, ox, y,
               [=](std::int32_t i, std::int32_t z, float score) { best.offer(i * nz + z, score, channel); });
    const std::int32_t rows = from.rows_from(y);
    Label* to = out + (x * from.out_y + y) * nz;
    for (std::int32_t i = 0; i < rows; ++i)
      team.each(nz, [=](std::int32_t z) { to[i * nz + z] = static_cast<Label>(best.label[i * nz + z]); });
  }
};

/// Row r of x, y: each channel is blended along x and y, then interpolated along z. Scratch: Best, and a float64 per z
/// of the source.
template <class T, class Label>
struct InterpolateAndCompare {
  BlendFrom<T> from;
  Label* out;
  std::int32_t out_y, out_z, channels;
  std::int64_t in_channel;
  TapAxis z;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    double* blended = reinterpret_cast<double*>(team.scratch);
    const Best best(team.scratch + from.nz * sizeof(double), out_z);
    const FourRows<T> rows = from.at(static_cast<std::int32_t>(r / out_y), static_cast<std::int32_t>(r % out_y));
    const TapAxis table = z;
    for (std::int32_t channel = 0; channel < channels; ++channel) {
      const FourRows<T> next = rows.moved(channel * in_channel);
      team.each(from.nz, [=](std::int32_t i) { blended[i] = next.blended(i); });
      team.sync();
      team.each(out_z, [=](std::int32_t i) {
        const float score = static_cast<float>(table.of(blended, i));
        if (channel == 0)
          best.start(i, score);
        else
          best.offer(i, score, channel);
      });
      team.sync();
    }
    Label* to = out + r * out_z;
    team.each(out_z, [=](std::int32_t i) { to[i] = static_cast<Label>(best.label[i]); });
  }
};

template <class T, class Label>
void compare_z_last(const LinearAxes& axes, const T* in, std::int32_t channels, Label* out, Stream& stream) {
  const auto& [nx, ny, nz] = axes.in;
  const auto& [ox, oy, oz] = axes.out;
  parallel::for_each_team(stream, std::int64_t{ox} * oy, channels * (std::int64_t{nz} + 4 * std::int64_t{oz}),
                          sizeof(double) * static_cast<std::size_t>(nz) + Best::bytes(oz),
                          InterpolateAndCompare<T, Label>{
                              {in, ny, nz, axes.x, axes.y}, out, oy, oz, channels, std::int64_t{nx} * ny * nz, axes.z});
}

template <class T, class Label>
void compare_z_first(const LinearAxes& axes, const T* in, std::int32_t channels, Label* out, Workspace& workspace) {
  const std::int64_t oy = axes.out[1], nz = axes.out[2];
  for_each_slab(axes, in, channels, Best::kBytes, workspace, [&](const BlendRing& rows, const Slab& slab) {
    parallel::for_each_team(workspace.stream(), (slab.end - slab.begin) * rows.blocks_per_plane(),
                            3 * channels * rows.block.rows * nz,
                            rows.block.ring_bytes(rows.nz) + Best::bytes(rows.block.rows * rows.nz),
                            BlendAndCompare<Label>{rows, out + slab.begin * oy * nz, slab.begin, channels});
  });
}

}  // namespace

void argmax_linear_axes(const PreparedResampling& prepared, DeviceVolume& labels, Workspace& workspace) {
  const LinearAxes axes = make_linear_axes(prepared.map, workspace);
  const auto run = [&](auto zero) {
    using Label = decltype(zero);
    const float* in = prepared.source.data<float>();
    const std::int32_t channels = prepared.source.channels();
    if (axes.z_first)
      compare_z_first(axes, in, channels, labels.mutable_data<Label>(), workspace);
    else
      compare_z_last(axes, in, channels, labels.mutable_data<Label>(), workspace.stream());
  };
  labels.dtype() == DType::u8 ? run(std::uint8_t{}) : run(std::uint16_t{});
  // Where there is 0 in all channels, label 0 wins.
  if (prepared.map.outside == Outside::zeros) clear_outside(prepared.map, GridMode::bilinear, labels, workspace);
}

}  // namespace voxd
