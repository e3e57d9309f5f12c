#include "server/encode/nifti.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#include "gpu_transforms/volume/checked.h"
#include "server/decode/reverse_axes.h"
#include "server/encode/gzip_writer.h"

namespace voxd {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

constexpr std::size_t voxel_offset = 352;  // the header and four bytes that say: no extension

/// Puts numbers at fixed places of a zeroed header.
class HeaderWriter {
 public:
  explicit HeaderWriter(std::byte* header) : header_(header) {}
  template <class T>
  void put(std::size_t offset, T value) {
    std::memcpy(header_ + offset, &value, sizeof value);
  }
  void put_text(std::size_t offset, std::string_view text) { std::memcpy(header_ + offset, text.data(), text.size()); }

 private:
  std::byte* header_;
};

struct Qform {
  std::array<double, 3> quatern;  // b, c, d
  double qfac;
};

/// The quaternion of a rotation matrix, a >= 0; the largest of the four parts is found first, which keeps the others
/// exact.
std::array<double, 3> quaternion_of(const std::array<Vec3, 3>& r) {
  const double squares[4] = {1 + r[0][0] + r[1][1] + r[2][2], 1 + r[0][0] - r[1][1] - r[2][2],
                             1 - r[0][0] + r[1][1] - r[2][2],
                             1 - r[0][0] - r[1][1] + r[2][2]};  // 4a^2, 4b^2, 4c^2, 4d^2
  int largest = 0;
  for (int part = 1; part < 4; ++part)
    if (squares[part] > squares[largest]) largest = part;
  const double ab = r[2][1] - r[1][2], ac = r[0][2] - r[2][0], ad = r[1][0] - r[0][1];  // 4ab, ...
  const double bc = r[1][0] + r[0][1], bd = r[0][2] + r[2][0], cd = r[2][1] + r[1][2];
  const double products[4][4] = {
      {squares[0], ab, ac, ad}, {ab, squares[1], bc, bd}, {ac, bc, squares[2], cd}, {ad, bd, cd, squares[3]}};
  const double twice = 2 * std::sqrt(squares[largest]);
  std::array<double, 4> q{};
  for (int part = 0; part < 4; ++part) q[part] = products[largest][part] / twice;
  const double sign = q[0] < 0 ? -1 : 1;
  return {sign * q[1], sign * q[2], sign * q[3]};
}

/// Empty if the affine is more than a rotation, a mirroring and a scaling.
std::optional<Qform> qform_of(const Affine& affine, const Vec3& spacing) {
  std::array<Vec3, 3> r{};
  for (int row = 0; row < 3; ++row)
    for (int column = 0; column < 3; ++column) r[row][column] = affine[row][column] / spacing[column];
  for (int a = 0; a < 3; ++a)
    for (int b = a + 1; b < 3; ++b) {
      const double cosine = r[0][a] * r[0][b] + r[1][a] * r[1][b] + r[2][a] * r[2][b];
      if (!(std::abs(cosine) < 1e-5)) return std::nullopt;
    }
  const double determinant = r[0][0] * (r[1][1] * r[2][2] - r[1][2] * r[2][1]) -
                             r[0][1] * (r[1][0] * r[2][2] - r[1][2] * r[2][0]) +
                             r[0][2] * (r[1][0] * r[2][1] - r[1][1] * r[2][0]);
  const double qfac = determinant < 0 ? -1 : 1;
  for (Vec3& row : r) row[2] *= qfac;
  return Qform{quaternion_of(r), qfac};
}

/// What a file of that type holds, for messages and the header.
struct FileType {
  const char* what;
  std::int16_t datatype, bits;
};

FileType file_type_of(DType dtype) {
  switch (dtype) {
    case DType::u8: return {"label map", 2, 8};
    case DType::u16: return {"label map", 512, 16};
    case DType::f32: return {"probabilities", 16, 32};
    default: fail(Code::invalid_argument, "label map: ", name_of(dtype), ", uint8 or uint16 expected");
  }
}

void check(const HostVolume& volume) {
  const char* what = file_type_of(volume.dtype).what;
  if (is_label_type(volume.dtype) && volume.channels != 1)
    fail(Code::invalid_argument, what, ": ", volume.channels, " channels, 1 expected");
  const auto [x, y, z] = volume.geometry.size;
  constexpr int most = std::numeric_limits<std::int16_t>::max();
  for (std::int32_t size : {x, y, z})
    if (size < 1 || size > most)
      fail(Code::invalid_argument, what, ": ", to_string(volume.geometry.size), " voxels, NIfTI-1 holds 1 to ", most,
           " along an axis");
  if (volume.channels < 1 || volume.channels > most)
    fail(Code::invalid_argument, what, ": ", volume.channels, " channels, NIfTI-1 holds 1 to ", most);
  for (const auto& row : volume.geometry.affine)
    for (double value : row)
      if (!std::isfinite(static_cast<float>(value)))
        fail(Code::invalid_argument, what, ": the affine's ", value, " does not fit float32");
}

void write_header(const HostVolume& volume, HeaderWriter header) {
  const Geometry& geometry = volume.geometry;
  const Vec3 spacing = spacing_mm(geometry.affine);
  const std::optional<Qform> qform = qform_of(geometry.affine, spacing);
  const FileType type = file_type_of(volume.dtype);
  const Int3& size = geometry.size;
  const std::int32_t axes[] = {size[0], size[1], size[2], volume.channels};

  header.put<std::int32_t>(0, 348);
  header.put_text(38, "r");
  header.put<std::int16_t>(40, volume.channels > 1 ? 4 : 3);
  for (std::size_t axis = 1; axis < 8; ++axis)
    header.put<std::int16_t>(40 + 2 * axis, static_cast<std::int16_t>(axis <= 4 ? axes[axis - 1] : 1));
  header.put<std::int16_t>(70, type.datatype);
  header.put<std::int16_t>(72, type.bits);
  header.put<float>(76, static_cast<float>(qform ? qform->qfac : 1));
  for (std::size_t axis = 1; axis < 8; ++axis)
    header.put<float>(76 + 4 * axis, axis <= 3 ? static_cast<float>(spacing[axis - 1]) : 1);
  header.put<float>(108, voxel_offset);
  header.put<float>(112, 1);        // scl_slope
  header.put<std::int8_t>(123, 2);  // xyzt_units: mm
  header.put_text(148, "voxd");
  header.put<std::int16_t>(252, qform ? 1 : 0);
  header.put<std::int16_t>(254, 1);
  for (std::size_t row = 0; row < 3; ++row) {
    if (qform) header.put<float>(256 + 4 * row, static_cast<float>(qform->quatern[row]));
    header.put<float>(268 + 4 * row, static_cast<float>(geometry.affine[row][3]));
    for (std::size_t column = 0; column < 4; ++column)
      header.put<float>(280 + 16 * row + 4 * column, static_cast<float>(geometry.affine[row][column]));
  }
  header.put_text(344, std::string_view("n+1\0", 4));
}

template <class T>
void write_voxels(const HostVolume& volume, std::byte* to) {
  const auto [x, y, z] = volume.geometry.size;
  const auto copy_row = [](const T* from, std::int64_t count, T* row) {
    std::memcpy(row, from, static_cast<std::size_t>(count) * sizeof(T));
  };
  const std::int64_t voxels = std::int64_t{x} * y * z;
  for (std::int64_t channel = 0; channel < volume.channels; ++channel)
    // The offset of the voxels in the file is a multiple of every voxel size.
    reverse_axes(volume.as<T>().data() + channel * voxels, reinterpret_cast<T*>(to) + channel * voxels, {z, y, x}, 0, x,
                 copy_row);
}

}  // namespace

std::vector<std::byte> encode_nifti(const HostVolume& volume) {
  check(volume);
  const auto [x, y, z] = volume.geometry.size;
  const std::int64_t voxel_bytes =
      checked_product({x, y, z, volume.channels, static_cast<std::int64_t>(size_of(volume.dtype))}, "volume");
  std::vector<std::byte> file(voxel_offset + static_cast<std::size_t>(voxel_bytes));
  write_header(volume, HeaderWriter(file.data()));
  switch (volume.dtype) {
    case DType::u8: write_voxels<std::uint8_t>(volume, file.data() + voxel_offset); break;
    case DType::u16: write_voxels<std::uint16_t>(volume, file.data() + voxel_offset); break;
    default: write_voxels<float>(volume, file.data() + voxel_offset);
  }
  return file;
}

std::vector<std::byte> encode_nifti_gz(const HostVolume& volume, const std::function<void()>& check_wanted) {
  return gzip_fast(encode_nifti(volume), check_wanted);
}

}  // namespace voxd
