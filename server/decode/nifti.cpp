#include "server/decode/nifti.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstring>
#include <type_traits>
#include <vector>

#include "gpu_transforms/volume/checked.h"
#include "server/decode/gzip_reader.h"
#include "server/decode/nifti_fields.h"
#include "server/decode/reverse_axes.h"

namespace voxd {
namespace {

constexpr std::int64_t max_bytes_after_voxels = std::int64_t{1} << 20;
constexpr std::int64_t slab_bytes = std::int64_t{16} << 20;

template <std::size_t bytes>
struct unsigned_of_;
template <>
struct unsigned_of_<1> {
  using type = std::uint8_t;
};
template <>
struct unsigned_of_<2> {
  using type = std::uint16_t;
};
template <>
struct unsigned_of_<4> {
  using type = std::uint32_t;
};
template <>
struct unsigned_of_<8> {
  using type = std::uint64_t;
};

std::uint8_t swap_bytes(std::uint8_t v) { return v; }
std::uint16_t swap_bytes(std::uint16_t v) { return __builtin_bswap16(v); }
std::uint32_t swap_bytes(std::uint32_t v) { return __builtin_bswap32(v); }
std::uint64_t swap_bytes(std::uint64_t v) { return __builtin_bswap64(v); }

/// A voxel as it lies in a file: at any address, in any byte order.
template <class T>
struct Unaligned {
  std::byte raw[sizeof(T)];
};

/// Turns a row of the file's voxels into a row of ours.
template <class Stored, class Out>
struct RowLoader {
  using Bits = typename unsigned_of_<sizeof(Stored)>::type;
  bool swapped;
  bool scaled;
  double slope;
  double inter;

  void operator()(const Unaligned<Stored>* from, std::int64_t count, Out* to) const {
    if (!swapped && !scaled && std::is_same_v<Stored, Out>) {
      std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(Stored));
    } else if (swapped) {
      convert(from, count, to, [](Bits bits) { return swap_bytes(bits); });
    } else {
      convert(from, count, to, [](Bits bits) { return bits; });
    }
  }

 private:
  template <class Order>
  void convert(const Unaligned<Stored>* from, std::int64_t count, Out* to, Order order) const {
    if (scaled)
      for (std::int64_t i = 0; i < count; ++i)
        to[i] = static_cast<Out>(slope * static_cast<double>(value(from[i], order)) + inter);
    else
      for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<Out>(value(from[i], order));
  }

  template <class Order>
  static Stored value(const Unaligned<Stored>& voxel, Order order) {
    Bits bits;
    std::memcpy(&bits, &voxel, sizeof bits);
    bits = order(bits);
    Stored stored;
    std::memcpy(&stored, &bits, sizeof stored);
    return stored;
  }
};

/// Writes planes [first_z, first_z + planes), which lie at `raw` as in the file, to their places in the volume.
void place_planes(const NiftiHeader& header, const std::byte* raw, std::int64_t first_z, std::int64_t planes,
                  HostVolume& volume) {
  const Int3& grid = header.geometry.size;
  const std::array<std::int64_t, 3> size{grid[0], grid[1], grid[2]};
  visit_dtype(header.stored, [&](auto stored_zero) {
    using Stored = decltype(stored_zero);
    const auto place = [&]<class Out>(Out) {
      const RowLoader<Stored, Out> load{header.swapped, header.scaled, header.slope, header.inter};
      reverse_axes(reinterpret_cast<const Unaligned<Stored>*>(raw), volume.as<Out>().data(), size, first_z, planes,
                   load);
    };
    if (volume.dtype == DType::f32)
      place(float{});
    else if constexpr (std::integral<Stored> && sizeof(Stored) <= 2)
      place(Stored{});
    else
      fail(Code::internal, "nifti: ", name_of(header.stored), " decoded to ", name_of(volume.dtype));
  });
}

/// The first bytes of the uncompressed file: as many as the header needs, fewer if the file ends before.
std::vector<std::byte> inflate_header(GzipReader& gzip) {
  std::vector<std::byte> header(nifti1_header_bytes);
  header.resize(gzip.read(header));
  if (nifti_version(header) == 2) {
    const std::size_t have = header.size();
    header.resize(nifti2_header_bytes);
    header.resize(have + gzip.read(std::span(header).subspan(have)));
  }
  return header;
}

void skip(GzipReader& gzip, std::int64_t count) {
  std::array<std::byte, 4096> discarded;
  while (count > 0) {
    const auto want = static_cast<std::size_t>(std::min<std::int64_t>(count, discarded.size()));
    const std::size_t got = gzip.read(std::span(discarded).first(want));
    if (got == 0) fail(Code::invalid_argument, "nifti: the file ends before vox_offset");
    count -= static_cast<std::int64_t>(got);
  }
}

/// Refuses, before memory is taken, a file that cannot hold what its header promises.
void check_length(const NiftiHeader& header, std::int64_t longest) {
  const std::int64_t needed = checked_sum(header.vox_offset, header.stored_bytes(), "nifti");
  if (needed > longest)
    fail(Code::invalid_argument, "nifti: ", to_string(header.geometry.size), " voxels of ", name_of(header.stored),
         " need ", needed, " bytes, the file holds at most ", longest);
}

HostVolume decode_plain(std::span<const std::byte> file, const HostAllocator& allocate, const DecodeLimits& limits) {
  const NiftiHeader header = parse_nifti_header(file, limits);
  check_length(header, static_cast<std::int64_t>(file.size()));
  HostVolume volume = make_host_volume(header.decoded, 1, header.geometry, allocate);
  place_planes(header, file.data() + header.vox_offset, 0, header.geometry.size[2], volume);
  return volume;
}

HostVolume decode_gzip(std::span<const std::byte> file, const HostAllocator& allocate, const DecodeLimits& limits) {
  GzipReader gzip(file);
  const std::vector<std::byte> start = inflate_header(gzip);
  const NiftiHeader header = parse_nifti_header(start, limits);
  check_length(header, checked_product({static_cast<std::int64_t>(file.size()), GzipReader::max_ratio}, "gzip"));
  skip(gzip, header.vox_offset - static_cast<std::int64_t>(start.size()));

  HostVolume volume = make_host_volume(header.decoded, 1, header.geometry, allocate);
  const std::int64_t z = header.geometry.size[2];
  const std::int64_t plane = header.stored_bytes() / z;
  const std::int64_t most_planes = std::clamp<std::int64_t>(slab_bytes / plane, 1, z);
  HostBuffer slab = allocate_host(static_cast<std::size_t>(plane * most_planes));
  for (std::int64_t first = 0; first < z; first += most_planes) {
    const std::int64_t planes = std::min(most_planes, z - first);
    const std::span<std::byte> bytes = slab.bytes().first(static_cast<std::size_t>(planes * plane));
    const std::size_t got = gzip.read(bytes);
    if (got < bytes.size())
      fail(Code::invalid_argument, "nifti: the file ends in plane ", first + static_cast<std::int64_t>(got) / plane,
           " of ", z);
    place_planes(header, bytes.data(), first, planes, volume);
  }
  gzip.finish(max_bytes_after_voxels);
  return volume;
}

}  // namespace

NiftiHeader read_nifti_header(std::span<const std::byte> start, const DecodeLimits& limits) {
  if (!GzipReader::is_gzip(start)) return parse_nifti_header(start, limits);
  GzipReader gzip(start);
  return parse_nifti_header(inflate_header(gzip), limits);
}

HostVolume decode_nifti(std::span<const std::byte> file, const HostAllocator& allocate, const DecodeLimits& limits) {
  return GzipReader::is_gzip(file) ? decode_gzip(file, allocate, limits) : decode_plain(file, allocate, limits);
}

}  // namespace voxd
