#include "gpu_transforms/bit_rows.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/parallel.h"

// For a 0/1 mask, 26*x - (sum of the 26 neighbours) clamped to 0..1 (8 in two dimensions) is the mask without its
// erosion, and bit rows do 64 voxels at a time. Whether the volume is such a mask is found while packing and stays in
// device memory: both forms are enqueued, and the one that is not wanted returns at once.
namespace voxd {
namespace {

/// Packs a row of a 0/1 mask, and raises the flag if it is none.
template <class T>
struct PackMask {
  const T* in;
  BitRows bits;
  std::uint32_t* not_binary;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    const std::int32_t words = bits.words_per_row(), nz = bits.nz;
    auto* flags = reinterpret_cast<std::uint8_t*>(team.scratch);
    std::uint8_t* strange = flags + words * 64;
    const T* row = in + r * nz;
    team.each(nz, [=](std::int32_t z) {
      const T value = row[z];
      flags[z] = static_cast<std::uint8_t>(value == T{1});
      strange[z] = static_cast<std::uint8_t>((value != T{1}) & (value != T{0}));
    });
    team.each(words * 64 - nz, [=](std::int32_t i) {
      flags[nz + i] = 0;
      strange[nz + i] = 0;
    });
    team.sync();
    std::uint64_t* out = bits.words + r * words;
    std::uint32_t* raise = not_binary;
    team.each(words, [=](std::int32_t w) {
      out[w] = word_of_flags(reinterpret_cast<const std::uint64_t*>(flags) + 8 * w);
      const auto* eight = reinterpret_cast<const std::uint64_t*>(strange) + 8 * w;
      std::uint64_t any = 0;
      for (int i = 0; i < 8; ++i) any |= eight[i];
      if (any != 0) atomic_store(raise, 1u);
    });
  }
};

/// Which of the 3 x 3 rows around row r exist; the volume's own channel only. In two dimensions, where every x is an
/// image of its own, there are three.
struct Neighbours {
  std::int32_t nx, ny;
  int reach_x;  // 1, in two dimensions 0
  VOXD_HD int around() const { return reach_x == 0 ? 8 : 26; }
  VOXD_HD bool interior(std::int64_t r) const {
    const std::int64_t y = r % ny, x = r / ny % nx;
    return x >= reach_x && x + reach_x < nx && y > 0 && y + 1 < ny;
  }
  VOXD_HD bool exists(std::int64_t r, int dx, int dy) const {
    const std::int64_t y = r % ny + dy, x = r / ny % nx + dx;
    return x >= 0 && x < nx && y >= 0 && y < ny;
  }
};

template <class T>
struct MaskContour {
  BitRows mask;
  Neighbours neighbours;
  const std::uint32_t* not_binary;
  T* out;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    if (*not_binary != 0) return;
    const std::int32_t words = mask.words_per_row(), nz = mask.nz, ny = neighbours.ny;
    auto* core = reinterpret_cast<std::uint64_t*>(team.scratch);  // set where all nine rows are
    std::uint64_t* bytes = core + words;
    const std::uint64_t* row = mask.words + r * words;
    const bool interior = neighbours.interior(r);
    const int reach_x = neighbours.reach_x;
    team.each(words, [=](std::int32_t w) {
      std::uint64_t all = 0;
      if (interior && row[w] != 0) {
        all = ~all;
        for (int dx = -reach_x; dx <= reach_x; ++dx)
          for (int dy = -1; dy <= 1; ++dy) all &= row[(std::int64_t{dx} * ny + dy) * words + w];
      }
      core[w] = all;
    });
    team.sync();
    team.each(words, [=](std::int32_t w) {
      const std::uint64_t before = core[w] << 1 | (w > 0 ? core[w - 1] >> 63 : 0);
      const std::uint64_t after = core[w] >> 1 | (w + 1 < words ? core[w + 1] << 63 : 0);
      const std::uint64_t contour = row[w] & ~(core[w] & before & after);
      flags_of_word(contour, bytes + 8 * w);
    });
    team.sync();
    T* to = out + r * nz;
    const auto* flags = reinterpret_cast<const std::uint8_t*>(bytes);
    team.each(nz, [=](std::int32_t z) { to[z] = static_cast<T>(flags[z]); });
  }
};

/// Any values. `Sum` holds a sum of 27 of them times 26.
template <class T, class Sum>
struct Laplace {
  const T* in;
  std::int32_t nz;
  Neighbours neighbours;
  const std::uint32_t* not_binary;
  T* out;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    if (*not_binary == 0) return;
    Sum* around = reinterpret_cast<Sum*>(team.scratch);  // the rows around
    Sum* column = around + nz + 1;  // and this one; an empty one before the first, one behind the last
    const T* row = in + r * nz;
    team.each(nz, [=](std::int32_t z) { around[z] = 0; });
    for (int dx = -neighbours.reach_x; dx <= neighbours.reach_x; ++dx)
      for (int dy = -1; dy <= 1; ++dy) {
        if ((dx == 0 && dy == 0) || !neighbours.exists(r, dx, dy)) continue;
        const T* other = row + (std::int64_t{dx} * neighbours.ny + dy) * nz;
        team.each(nz, [=](std::int32_t z) { around[z] += static_cast<Sum>(other[z]); });
      }
    team.each(nz, [=](std::int32_t z) { column[z] = around[z] + static_cast<Sum>(row[z]); });
    const std::int32_t n = nz;
    team.each(2, [=](std::int32_t i) { column[i == 0 ? -1 : n] = 0; });
    team.sync();
    T* to = out + r * nz;
    const Sum number = static_cast<Sum>(neighbours.around());
    team.each(nz, [=](std::int32_t z) {
      Sum edge = number * static_cast<Sum>(row[z]) - (column[z - 1] + around[z] + column[z + 1]);
      edge = edge < Sum{0} ? Sum{0} : edge;
      to[z] = static_cast<T>(edge > Sum{1} ? Sum{1} : edge);
    });
  }
};

template <class T, class Sum>
DeviceVolume contour_of(const DeviceVolume& labels, int dimensions, Workspace& workspace) {
  Stream& stream = workspace.stream();
  DeviceVolume result(labels.dtype(), labels.channels(), labels.geometry(), workspace);
  // In two dimensions the voxels of [C,X,Y,1] lie as those of [C,1,X,Y], which has longer rows.
  const Int3 size = dimensions == 2 ? Int3{1, labels.size()[0], labels.size()[1]} : labels.size();
  const auto [nx, ny, nz] = size;
  const std::int64_t rows = std::int64_t{labels.channels()} * nx * ny;
  const BitRowsMemory mask = allocate_bit_rows(rows, nz, workspace);
  const auto not_binary = workspace.allocate_array<std::uint32_t>(1);
  const Neighbours neighbours{nx, ny, dimensions - 2};
  const std::size_t words = static_cast<std::size_t>(mask.bits.words_per_row());
  parallel::fill(stream, not_binary.get(), 1, 0u);
  parallel::for_each_team(stream, rows, nz, 128 * words, PackMask<T>{labels.data<T>(), mask.bits, not_binary.get()});
  parallel::for_each_team(stream, rows, nz, 72 * words,
                          MaskContour<T>{mask.bits, neighbours, not_binary.get(), result.mutable_data<T>()});
  parallel::for_each_team(
      stream, rows, 4 * std::int64_t{nz}, sizeof(Sum) * (2 * static_cast<std::size_t>(nz) + 2),
      Laplace<T, Sum>{labels.data<T>(), nz, neighbours, not_binary.get(), result.mutable_data<T>()});
  return result;
}

DeviceVolume contour_in(int dimensions, const DeviceVolume& labels, Workspace& workspace) {
  if (labels.empty()) return labels;
  switch (labels.dtype()) {
    case DType::u8: return contour_of<std::uint8_t, std::int32_t>(labels, dimensions, workspace);
    case DType::u16: return contour_of<std::uint16_t, std::int32_t>(labels, dimensions, workspace);
    case DType::f32: return contour_of<float, float>(labels, dimensions, workspace);
    default:
      fail(Code::invalid_argument, "LabelToContour: voxels of ", name_of(labels.dtype()),
           ", must be uint8, uint16 or float32");
  }
}

}  // namespace

DeviceVolume label_to_contour(const DeviceVolume& labels, Workspace& workspace) {
  return contour_in(3, labels, workspace);
}

DeviceVolume label_to_contour_2d(const DeviceVolume& labels, Workspace& workspace) {
  if (labels.size()[2] != 1)
    fail(Code::invalid_argument, "LabelToContour in two dimensions: ", labels.size()[2], " voxels along Z, must be 1");
  return contour_in(2, labels, workspace);
}

}  // namespace voxd
