#include "gpu_transforms/parallel.h"
#include "gpu_transforms/prepared_resampling.h"

// Nearest voxels by a table per axis: each row is gathered from one of the source. And, with zeros outside, the
// clearing of what a table could only read at the border.
namespace voxd {
namespace {

template <class In, class Out>
struct PickRow {
  const In* in;
  Out* out;
  std::int32_t in_y, in_z, out_x, out_y, out_z;
  std::int64_t in_channel;
  NearestAxis x, y, z;

  struct Row {
    const In* in;
    Out* out;
    const std::int32_t* index;
    VOXD_HD void operator()(std::int32_t i) const { out[i] = static_cast<Out>(in[index[i]]); }
  };
  VOXD_HD Row row(std::int64_t r) const {
    const std::int64_t oy = r % out_y, ox = r / out_y % out_x, channel = r / out_y / out_x;
    return {in + channel * in_channel + (std::int64_t{x.index[ox]} * in_y + y.index[oy]) * in_z, out + r * out_z,
            z.index};
  }
};

template <class In, class Out>
void pick(const DeviceVolume& source, const NearestAxis& x, const NearestAxis& y, const NearestAxis& z,
          DeviceVolume& result, Stream& stream) {
  const Int3 in = source.size(), out = result.size();
  parallel::for_each_row(stream, std::int64_t{result.channels()} * out[0] * out[1], out[2],
                         PickRow<In, Out>{source.data<In>(), result.mutable_data<Out>(), in[1], in[2], out[0], out[1],
                                          out[2], source.geometry().voxels(), x, y, z});
}

/// Row r of channel, x, y.
template <class T>
struct ClearOutside {
  T* values;
  AxisMap x, y, z;
  GridMode mode;

  struct Row {
    T* values;
    AxisMap z;
    GridMode mode;
    bool inside;
    VOXD_HD void operator()(std::int32_t i) const {
      if (!inside || coverage(z.position(i), z.in, mode) == 0) values[i] = T{0};
    }
  };
  VOXD_HD Row row(std::int64_t r) const {
    const auto oy = static_cast<std::int32_t>(r % y.out), ox = static_cast<std::int32_t>(r / y.out % x.out);
    return {values + r * z.out, z, mode,
            coverage(x.position(ox), x.in, mode) > 0 && coverage(y.position(oy), y.in, mode) > 0};
  }
};

bool inside(const AxisMap& axis, GridMode mode) {
  return coverage(axis.position(0), axis.in, mode) > 0 && coverage(axis.position(axis.out - 1), axis.in, mode) > 0;
}

struct NearestTable {
  std::shared_ptr<std::byte> memory;
  NearestAxis axis;
};

NearestTable make_table(const AxisMap& map, Workspace& workspace) {
  auto memory = axis_table_detail::columns(workspace, 1, map.out);
  const NearestAxis axis{reinterpret_cast<std::int32_t*>(memory.get())};
  parallel::for_each_row(workspace.stream(), 1, map.out, FillNearestTaps{axis, map});
  return {memory, axis};
}

template <class T>
void clear_as(const GridMap& map, GridMode mode, DeviceVolume& result, Stream& stream) {
  parallel::for_each_row(
      stream, std::int64_t{result.channels()} * map.out[0] * map.out[1], map.out[2],
      ClearOutside<T>{result.mutable_data<T>(), axis_of(map, 0), axis_of(map, 1), axis_of(map, 2), mode});
}

}  // namespace

void sample_nearest_axes(const PreparedResampling& prepared, DeviceVolume& result, Workspace& workspace) {
  const NearestTable x = make_table(axis_of(prepared.map, 0), workspace),
                     y = make_table(axis_of(prepared.map, 1), workspace),
                     z = make_table(axis_of(prepared.map, 2), workspace);
  const DeviceVolume& source = prepared.source;
  Stream& stream = workspace.stream();
  if (result.dtype() != DType::f32) {
    result.dtype() == DType::u8 ? pick<std::uint8_t, std::uint8_t>(source, x.axis, y.axis, z.axis, result, stream)
                                : pick<std::uint16_t, std::uint16_t>(source, x.axis, y.axis, z.axis, result, stream);
    return;
  }
  switch (source.dtype()) {
    case DType::u8: return pick<std::uint8_t, float>(source, x.axis, y.axis, z.axis, result, stream);
    case DType::i16: return pick<std::int16_t, float>(source, x.axis, y.axis, z.axis, result, stream);
    default: return pick<float, float>(source, x.axis, y.axis, z.axis, result, stream);
  }
}

DeviceVolume sample_nearest(const DeviceVolume& volume, const NearestAxis& x, const NearestAxis& y,
                            const NearestAxis& z, const Geometry& target, Workspace& workspace) {
  DeviceVolume result(volume.dtype(), volume.channels(), target, workspace);
  Stream& stream = workspace.stream();
  switch (volume.dtype()) {
    case DType::u8: pick<std::uint8_t, std::uint8_t>(volume, x, y, z, result, stream); break;
    case DType::u16: pick<std::uint16_t, std::uint16_t>(volume, x, y, z, result, stream); break;
    case DType::f32: pick<float, float>(volume, x, y, z, result, stream); break;
    default: fail(Code::internal, "nearest voxels of ", name_of(volume.dtype()));
  }
  return result;
}

void clear_outside(const GridMap& map, GridMode mode, DeviceVolume& result, Workspace& workspace) {
  if (inside(axis_of(map, 0), mode) && inside(axis_of(map, 1), mode) && inside(axis_of(map, 2), mode)) return;
  switch (result.dtype()) {
    case DType::u8: return clear_as<std::uint8_t>(map, mode, result, workspace.stream());
    case DType::u16: return clear_as<std::uint16_t>(map, mode, result, workspace.stream());
    default: return clear_as<float>(map, mode, result, workspace.stream());
  }
}

}  // namespace voxd
