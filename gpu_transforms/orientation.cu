#include "gpu_transforms/axis_moves.h"
#include "gpu_transforms/parallel.h"
#include "gpu_transforms/spatial.h"

namespace voxd {
namespace {

/// How a step along each axis of the result moves in the source, in voxels, and where the result's first voxel is.
struct Steps {
  std::int64_t first = 0;
  std::int64_t channel;
  std::int64_t step[3];
};

Steps steps_of(const Int3& size, const AxisMoves& moves) {
  const std::int64_t stride[3] = {std::int64_t{size[1]} * size[2], size[2], 1};
  Steps steps{.channel = size[0] * stride[0], .step = {}};
  for (int a = 0; a < 3; ++a) {
    const int b = moves.from[a];
    steps.step[a] = moves.flipped[a] ? -stride[b] : stride[b];
    if (moves.flipped[a]) steps.first += stride[b] * (size[b] - 1);
  }
  return steps;
}

constexpr int kAhead = 4;  // rows

/// Rows along Z stay rows, forwards or backwards.
template <class T, bool kBackwards>
struct MoveRow {
  const T* in;
  T* out;
  std::int32_t nx, ny, nz;
  Steps steps;

  struct Row {
    const T* in;
    T* out;
    VOXD_HD void operator()(std::int32_t z) const { out[z] = kBackwards ? in[-z] : in[z]; }
  };
  VOXD_HD Row row(std::int64_t r) const {
    const std::int64_t y = r % ny, x = r / ny % nx, channel = r / ny / nx;
    const T* row = in + channel * steps.channel + steps.first + x * steps.step[0] + y * steps.step[1];
    // Rows that come in descending order are more than the CPU's own prefetcher can follow.
    if (y + kAhead < ny) prefetch((kBackwards ? row - (nz - 1) : row) + kAhead * steps.step[1], nz);
    return {row, out + r * nz};
  }
};

constexpr std::int32_t kTile = 32;

/// Another axis becomes Z: tiles of the plane that the two axes span are turned in scratch memory, so that both sides
/// are read and written in rows. `long_axis` is the result's axis along which the source lies contiguous; `other` is
/// the remaining one.
template <class T>
struct TurnTile {
  const T* in;
  T* out;
  std::int32_t size[3];  // of the result
  int long_axis, other;
  std::int32_t tiles_long, tiles_z;
  Steps steps;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    T* tile = reinterpret_cast<T*>(team.scratch);
    const std::int32_t z0 = static_cast<std::int32_t>(r % tiles_z) * kTile;
    const std::int32_t long0 = static_cast<std::int32_t>(r / tiles_z % tiles_long) * kTile;
    const std::int64_t rest = r / tiles_z / tiles_long;
    const std::int64_t channel = rest / size[other], o = rest % size[other];
    const std::int64_t stride[3] = {std::int64_t{size[1]} * size[2], size[2], 1};
    const T* from = in + channel * steps.channel + steps.first + o * steps.step[other] + long0 * steps.step[long_axis] +
                    z0 * steps.step[2];
    T* to = out + channel * size[0] * stride[0] + o * stride[other] + long0 * stride[long_axis] + z0;
    const std::int32_t n_long = size[long_axis] - long0 < kTile ? size[long_axis] - long0 : kTile;
    const std::int32_t n_z = size[2] - z0 < kTile ? size[2] - z0 : kTile;
    const std::int64_t from_long = steps.step[long_axis], from_z = steps.step[2], to_long = stride[long_axis];
    team.each_pair(n_z, n_long, [=](std::int32_t z, std::int32_t l) {
      tile[z * (kTile + 1) + l] = from[z * from_z + l * from_long];
    });
    team.sync();
    team.each_pair(n_long, n_z,
                   [=](std::int32_t l, std::int32_t z) { to[l * to_long + z] = tile[z * (kTile + 1) + l]; });
  }
};

template <class T>
void move_voxels(const T* in, std::int32_t channels, const Int3& in_size, const Int3& size, const AxisMoves& moves,
                 T* out, Stream& stream) {
  const Steps steps = steps_of(in_size, moves);
  const std::int64_t rows = std::int64_t{channels} * size[0] * size[1];
  if (moves.from[2] == 2 && !moves.flipped[2])
    return parallel::for_each_row(stream, rows, size[2], MoveRow<T, false>{in, out, size[0], size[1], size[2], steps});
  if (moves.from[2] == 2)
    return parallel::for_each_row(stream, rows, size[2], MoveRow<T, true>{in, out, size[0], size[1], size[2], steps});
  const int long_axis = moves.from[0] == 2 ? 0 : 1, other = 1 - long_axis;
  const auto tiles = [](std::int32_t n) { return (n + kTile - 1) / kTile; };
  const TurnTile<T> turn{
      in, out, {size[0], size[1], size[2]}, long_axis, other, tiles(size[long_axis]), tiles(size[2]), steps};
  parallel::for_each_team(stream, std::int64_t{channels} * size[other] * turn.tiles_long * turn.tiles_z, kTile * kTile,
                          kTile * (kTile + 1) * sizeof(T), turn);
}

}  // namespace

DeviceVolume move_axes(const DeviceVolume& volume, const AxisMoves& moves, Workspace& workspace) {
  const Geometry geometry = moved(volume.geometry(), moves);
  const AxisMoves none;
  if (moves.from == none.from && moves.flipped == none.flipped) return volume;
  DeviceVolume result(volume.dtype(), volume.channels(), geometry, workspace);
  if (volume.empty()) return result;
  const auto move = [&](auto word) {
    using T = decltype(word);
    move_voxels(reinterpret_cast<const T*>(volume.memory().get()), volume.channels(), volume.size(), geometry.size,
                moves, reinterpret_cast<T*>(result.memory().get()), workspace.stream());
  };
  switch (size_of(volume.dtype())) {
    case 1: move(std::uint8_t{}); break;
    case 2: move(std::uint16_t{}); break;
    case 4: move(std::uint32_t{}); break;
    default: move(std::uint64_t{}); break;
  }
  return result;
}

DeviceVolume orientation(const DeviceVolume& volume, const std::string& axcodes, Workspace& workspace) {
  return move_axes(volume, moves_to(volume.geometry().affine, axcodes), workspace);
}

}  // namespace voxd
