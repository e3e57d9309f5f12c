#include "gpu_transforms/parallel.h"
#include "gpu_transforms/prepared_resampling.h"

// A map that is no diagonal has no tables: a row along z crosses the source at an angle. Per row, positions are
// computed once, a block of voxels at a time, for all channels: the offset of the nearest of the eight voxels, the
// steps to the others, and the weights; each channel then reads by them. Offsets within a channel are 32 bit where
// they fit, which doubles what one gather fetches.
namespace voxd {
namespace {

constexpr std::int32_t kBlock = 128;  // voxels; their positions stay in the first cache

/// Source position of (x, y, z): what x and y add to it, and a step per z.
struct RowPosition {
  double at[3], step[3];

  VOXD_HD RowPosition(const GridMap& map, std::int64_t x, std::int64_t y) {
    for (int a = 0; a < 3; ++a) {
      at[a] =
          map.step[a][0] * static_cast<double>(x + map.first_x) + map.step[a][1] * static_cast<double>(y) + map.at[a];
      step[a] = map.step[a][2];
    }
  }
  VOXD_HD double operator()(int a, std::int32_t z) const { return step[a] * z + at[a]; }
};

template <class Offset>
struct Corners {
  Offset *lowest, *x, *y, *z;  ///< offset of the voxel that is lower along all axes, and the steps to the upper ones
  double* weights;             ///< lower and upper along x, y, z

  VOXD_HD explicit Corners(std::byte* scratch) {
    weights = reinterpret_cast<double*>(scratch);
    lowest = reinterpret_cast<Offset*>(weights + 6 * kBlock);
    x = lowest + kBlock;
    y = x + kBlock;
    z = y + kBlock;
  }
  VOXD_HD double* weight(int axis, int upper) const { return weights + (2 * axis + upper) * kBlock; }
  static constexpr std::size_t kBytes = kBlock * (4 * sizeof(Offset) + 6 * sizeof(double));
};

template <class T, class Offset, Outside kOutside>
struct LinearOblique {
  const T* in;
  float* out;
  GridMap map;
  std::int32_t channels;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    const RowPosition position(map, r / map.out[1], r % map.out[1]);
    const Corners<Offset> corners(team.scratch);
    const std::int64_t in_channel = std::int64_t{map.in[0]} * map.in[1] * map.in[2],
                       out_channel = std::int64_t{map.out[0]} * map.out[1] * map.out[2];
    for (std::int32_t z = 0; z < map.out[2]; z += kBlock) {
      const std::int32_t n = map.out[2] - z < kBlock ? map.out[2] - z : kBlock;
      find(team, position, corners, z, n);
      // No sync: a lane meets the same voxel in every pass.
      for (std::int32_t channel = 0; channel < channels; ++channel)
        read(team, corners, in + channel * in_channel, out + channel * out_channel + r * map.out[2] + z, n);
    }
  }

  template <class Team>
  VOXD_HD void find(const Team& team, const RowPosition& position, const Corners<Offset>& to, std::int32_t z0,
                    std::int32_t n) const {
    const GridMap m = map;
    team.each(n, [=](std::int32_t i) {
      const Tap x = tap_at(position(0, z0 + i), m.in[0], kOutside, m.align_corners),
                y = tap_at(position(1, z0 + i), m.in[1], kOutside, m.align_corners),
                z = tap_at(position(2, z0 + i), m.in[2], kOutside, m.align_corners);
      const Offset row = m.in[2], plane = static_cast<Offset>(m.in[1]) * row;
      to.lowest[i] = x.lower * plane + y.lower * row + z.lower;
      to.x[i] = (x.upper - x.lower) * plane;
      to.y[i] = (y.upper - y.lower) * row;
      to.z[i] = z.upper - z.lower;
      const Tap taps[3] = {x, y, z};
      for (int axis = 0; axis < 3; ++axis) {
        to.weight(axis, 0)[i] = taps[axis].lower_weight;
        to.weight(axis, 1)[i] = taps[axis].upper_weight;
      }
    });
  }

  /// In the order x, y, z of nesting: along z first.
  template <class Team>
  VOXD_HD void read(const Team& team, const Corners<Offset>& from, const T* voxels, float* to, std::int32_t n) const {
    team.each(n, [=](std::int32_t i) {
      const Offset o = from.lowest[i], x = from.x[i], y = from.y[i], z = from.z[i];
      const auto along_z = [&](Offset at) {
        return interpolated(static_cast<double>(voxels[at]), from.weight(2, 0)[i], static_cast<double>(voxels[at + z]),
                            from.weight(2, 1)[i]);
      };
      const auto along_y = [&](Offset at) {
        return interpolated(along_z(at), from.weight(1, 0)[i], along_z(at + y), from.weight(1, 1)[i]);
      };
      const float value =
          static_cast<float>(interpolated(along_y(o), from.weight(0, 0)[i], along_y(o + x), from.weight(0, 1)[i]));
      // Outside there is 0, even beside a voxel that 0 times is not 0.
      const bool outside = kOutside == Outside::zeros && (from.weight(0, 0)[i] + from.weight(0, 1)[i] == 0 ||
                                                          from.weight(1, 0)[i] + from.weight(1, 1)[i] == 0 ||
                                                          from.weight(2, 0)[i] + from.weight(2, 1)[i] == 0);
      to[i] = outside ? 0 : value;
    });
  }
};

/// Row r of channel, x, y.
template <class In, class Out>
struct NearestOblique {
  const In* in;
  Out* out;
  GridMap map;

  struct Row {
    const In* in;
    Out* out;
    GridMap map;
    RowPosition position;
    VOXD_HD void operator()(std::int32_t i) const {
      std::int64_t offset = 0;
      bool inside = true;
      for (int a = 0; a < 3; ++a) {
        const double at = position(a, i);
        offset = offset * map.in[a] + nearest_at(settled(at, map.in[a], map.outside, map.align_corners));
        inside = inside && (map.outside != Outside::zeros || coverage(at, map.in[a], GridMode::nearest) > 0);
      }
      out[i] = inside ? static_cast<Out>(in[offset]) : Out{0};
    }
  };
  VOXD_HD Row row(std::int64_t r) const {
    const std::int64_t y = r % map.out[1], x = r / map.out[1] % map.out[0], channel = r / map.out[1] / map.out[0];
    return {in + channel * map.in[0] * map.in[1] * map.in[2], out + r * map.out[2], map, RowPosition(map, x, y)};
  }
};

template <class T, class Offset, Outside kOutside>
void sample_linear(const PreparedResampling& prepared, DeviceVolume& result, Stream& stream) {
  const GridMap& map = prepared.map;
  const std::int64_t work = std::int64_t{map.out[2]} * (10 + 10 * std::int64_t{result.channels()});
  parallel::for_each_team(stream, std::int64_t{map.out[0]} * map.out[1], work, Corners<Offset>::kBytes,
                          LinearOblique<T, Offset, kOutside>{prepared.source.data<T>(), result.mutable_data<float>(),
                                                             map, result.channels()});
}

template <class T, class Offset>
void sample_linear(const PreparedResampling& prepared, DeviceVolume& result, Stream& stream) {
  switch (prepared.map.outside) {
    case Outside::border: return sample_linear<T, Offset, Outside::border>(prepared, result, stream);
    case Outside::zeros: return sample_linear<T, Offset, Outside::zeros>(prepared, result, stream);
    case Outside::reflection: return sample_linear<T, Offset, Outside::reflection>(prepared, result, stream);
  }
}

template <class T>
void sample_linear(const PreparedResampling& prepared, DeviceVolume& result, Stream& stream) {
  if (prepared.wide_offsets)
    sample_linear<T, std::int64_t>(prepared, result, stream);
  else
    sample_linear<T, std::int32_t>(prepared, result, stream);
}

template <class In, class Out>
void sample_nearest_as(const PreparedResampling& prepared, DeviceVolume& result, Stream& stream) {
  const GridMap& map = prepared.map;
  parallel::for_each_row(stream, std::int64_t{result.channels()} * map.out[0] * map.out[1], map.out[2],
                         NearestOblique<In, Out>{prepared.source.data<In>(), result.mutable_data<Out>(), map});
}

}  // namespace

void sample_linear_oblique(const PreparedResampling& prepared, DeviceVolume& result, Workspace& workspace) {
  switch (prepared.source.dtype()) {
    case DType::u8: return sample_linear<std::uint8_t>(prepared, result, workspace.stream());
    case DType::i16: return sample_linear<std::int16_t>(prepared, result, workspace.stream());
    default: return sample_linear<float>(prepared, result, workspace.stream());
  }
}

void sample_nearest_oblique(const PreparedResampling& prepared, DeviceVolume& result, Workspace& workspace) {
  Stream& stream = workspace.stream();
  const bool to_float = result.dtype() == DType::f32;
  switch (prepared.source.dtype()) {
    case DType::u8:
      return to_float ? sample_nearest_as<std::uint8_t, float>(prepared, result, stream)
                      : sample_nearest_as<std::uint8_t, std::uint8_t>(prepared, result, stream);
    case DType::u16: return sample_nearest_as<std::uint16_t, std::uint16_t>(prepared, result, stream);
    case DType::i16: return sample_nearest_as<std::int16_t, float>(prepared, result, stream);
    default: return sample_nearest_as<float, float>(prepared, result, stream);
  }
}

}  // namespace voxd
