#include "server/decode/nifti_header.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>

#include "gpu_transforms/volume/checked.h"
#include "gpu_transforms/volume/error.h"
#include "server/decode/nifti_fields.h"

namespace voxd {
namespace {

struct Datatype {
  int code;
  std::string_view name;
  std::optional<DType> dtype;  // empty: a voxel is not one real number
};
constexpr Datatype datatypes[] = {{2, name_of(DType::u8), DType::u8},
                                  {4, name_of(DType::i16), DType::i16},
                                  {8, name_of(DType::i32), DType::i32},
                                  {16, name_of(DType::f32), DType::f32},
                                  {64, name_of(DType::f64), DType::f64},
                                  {256, name_of(DType::i8), DType::i8},
                                  {512, name_of(DType::u16), DType::u16},
                                  {768, name_of(DType::u32), DType::u32},
                                  {1024, name_of(DType::i64), DType::i64},
                                  {1280, name_of(DType::u64), DType::u64},
                                  {1, "one bit per voxel", std::nullopt},
                                  {32, "complex64", std::nullopt},
                                  {128, "RGB24", std::nullopt},
                                  {1536, "float128", std::nullopt},
                                  {1792, "complex128", std::nullopt},
                                  {2048, "complex256", std::nullopt},
                                  {2304, "RGBA32", std::nullopt}};

DType stored_type(const NiftiFields& fields) {
  const auto known = std::find_if(std::begin(datatypes), std::end(datatypes),
                                  [&](const Datatype& type) { return type.code == fields.datatype; });
  const std::string_view name = known == std::end(datatypes) ? "unknown" : known->name;
  if (known == std::end(datatypes) || !known->dtype)
    fail(Code::invalid_argument, "datatype: ", fields.datatype, " (", name,
         "), supported are integers of 8 to 64 bits, float32 and float64");
  const int bits = static_cast<int>(8 * size_of(*known->dtype));
  if (fields.bitpix != bits)
    fail(Code::invalid_argument, "bitpix: ", fields.bitpix, ", but datatype ", fields.datatype, " (", name, ") has ",
         bits);
  return *known->dtype;
}

Int3 grid_size(const NiftiFields& fields, const DecodeLimits& limits) {
  const std::int64_t rank = fields.dim[0];
  if (rank < 2 || rank > 7) fail(Code::invalid_argument, "dim[0]: ", rank, " dimensions, 2 or 3 expected");
  for (std::int64_t axis = 1; axis <= rank; ++axis)
    if (fields.dim[axis] < 1)
      fail(Code::invalid_argument, "dim[", axis, "]: ", fields.dim[axis], " voxels, at least 1");
  for (std::int64_t axis = 4; axis <= rank; ++axis)
    if (fields.dim[axis] > 1)
      fail(Code::invalid_argument, "dim[", axis, "]: ", fields.dim[axis], axis == 4 ? " time points" : " entries",
           ", at most 1: only 3D images are supported");
  Int3 size{1, 1, 1};
  const auto most = std::min<std::int64_t>(limits.max_axis_voxels, std::numeric_limits<std::int32_t>::max());
  for (std::int64_t axis = 1; axis <= std::min<std::int64_t>(rank, 3); ++axis) {
    if (fields.dim[axis] > most)
      fail(Code::invalid_argument, "dim[", axis, "]: ", fields.dim[axis], " voxels, at most ", most);
    size[axis - 1] = static_cast<std::int32_t>(fields.dim[axis]);
  }
  return size;
}

/// Lengths of the voxel's edges in mm; 1 along Z where the file has two dimensions.
Vec3 edges_mm(const NiftiFields& fields) {
  Vec3 edges{1, 1, 1};
  for (int axis = 1; axis <= std::min<std::int64_t>(fields.dim[0], 3); ++axis) {
    if (!std::isfinite(fields.pixdim[axis]) || fields.pixdim[axis] == 0)
      fail(Code::invalid_argument, "pixdim[", axis, "]: ", fields.pixdim[axis], " mm, a length other than 0 expected");
    edges[axis - 1] = std::abs(fields.pixdim[axis]);
  }
  return edges;
}

Affine affine_of_sform(const NiftiFields& fields) {
  Affine affine = identity_affine();
  for (int row = 0; row < 3; ++row) affine[row] = fields.srow[row];
  return affine;
}

Affine affine_of_qform(const NiftiFields& fields, const Vec3& edges) {
  const auto [b, c, d] = fields.quatern;
  // The stored three parts of a unit quaternion may exceed length 1 by rounding only.
  const double epsilon =
      fields.version == 1 ? double{std::numeric_limits<float>::epsilon()} : std::numeric_limits<double>::epsilon();
  const double rest = 1 - (b * b + c * c + d * d);
  if (!(rest > -3 * epsilon))
    fail(Code::invalid_argument, "quatern_b, c, d: ", b, ", ", c, ", ", d, " are longer than a unit quaternion");
  const double a = rest < 3 * epsilon ? 0 : std::sqrt(rest);
  // nibabel normalises, which matters only where a is taken as 0.
  const double s = 2 / (a * a + b * b + c * c + d * d);
  const double rotation[3][3] = {{1 - s * (c * c + d * d), s * (b * c - a * d), s * (b * d + a * c)},
                                 {s * (b * c + a * d), 1 - s * (b * b + d * d), s * (c * d - a * b)},
                                 {s * (b * d - a * c), s * (c * d + a * b), 1 - s * (b * b + c * c)}};
  const double qfac = fields.pixdim[0] == -1 ? -1 : 1;
  Affine affine = identity_affine();
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column)
      affine[row][column] = rotation[row][column] * edges[column] * (column == 2 ? qfac : 1);
    affine[row][3] = fields.qoffset[row];
  }
  return affine;
}

Affine affine_of_pixdim(const Int3& size, const Vec3& edges) {
  Affine affine = identity_affine();
  for (int axis = 0; axis < 3; ++axis) {
    const double step = axis == 0 ? -edges[axis] : edges[axis];
    affine[axis][axis] = step;
    affine[axis][3] = -step * (size[axis] - 1) / 2;
  }
  return affine;
}

Affine affine_of(const NiftiFields& fields, const Int3& size, const Vec3& edges) {
  const auto is_set = [](int code) { return code >= 1 && code <= 5; };
  const bool sform = is_set(fields.sform_code), qform = is_set(fields.qform_code);
  const char* source = sform ? "sform" : qform ? "qform" : "pixdim";
  const Affine affine = sform   ? affine_of_sform(fields)
                        : qform ? affine_of_qform(fields, edges)
                                : affine_of_pixdim(size, edges);
  for (int row = 0; row < 3; ++row)
    for (int column = 0; column < 4; ++column)
      if (!std::isfinite(affine[row][column]))
        fail(Code::invalid_argument, source, ": row ", row, " column ", column, " is ", affine[row][column]);
  try {
    inverse(affine);
  } catch (const Error& error) {
    fail(error.code(), source, " ", error.what());
  }
  return affine;
}

std::int64_t voxel_offset(const NiftiFields& fields, const DecodeLimits& limits) {
  const std::int64_t least = fields.version == 1 ? 352 : 544;
  if (!(fields.vox_offset >= static_cast<double>(least)) ||
      !(fields.vox_offset <= static_cast<double>(limits.max_bytes)) ||
      fields.vox_offset != std::floor(fields.vox_offset))
    fail(Code::invalid_argument, "vox_offset: ", fields.vox_offset, ", a whole number from ", least, " to ",
         limits.max_bytes, " expected");
  return static_cast<std::int64_t>(fields.vox_offset);
}

void set_scaling(NiftiHeader& header, const NiftiFields& fields) {
  const bool has_slope = fields.scl_slope != 0 && std::isfinite(fields.scl_slope);
  if (has_slope && !std::isfinite(fields.scl_inter))
    fail(Code::invalid_argument, "scl_inter: ", fields.scl_inter, ", a finite number expected beside scl_slope ",
         fields.scl_slope);
  header.scaled = has_slope && !(fields.scl_slope == 1 && fields.scl_inter == 0);
  if (header.scaled) {
    header.slope = fields.scl_slope;
    header.inter = fields.scl_inter;
  }
}

DType decoded_type(const NiftiHeader& header) {
  const bool small = size_of(header.stored) <= 2;
  return small && !header.scaled ? header.stored : DType::f32;
}

void check_bytes(const NiftiHeader& header, const DecodeLimits& limits) {
  const auto& [x, y, z] = header.geometry.size;
  const auto widest = static_cast<std::int64_t>(std::max(size_of(header.stored), size_of(header.decoded)));
  const std::int64_t bytes = checked_product({x, y, z, widest}, "nifti");
  if (bytes > limits.max_bytes)
    fail(Code::invalid_argument, "dim: ", to_string(header.geometry.size), " voxels need ", bytes, " bytes, at most ",
         limits.max_bytes);
}

}  // namespace

NiftiHeader parse_nifti_header(std::span<const std::byte> bytes, const DecodeLimits& limits) {
  const NiftiFields fields = read_nifti_fields(bytes);
  NiftiHeader header;
  header.version = fields.version;
  header.swapped = fields.swapped;
  header.stored = stored_type(fields);
  header.geometry.size = grid_size(fields, limits);
  set_scaling(header, fields);
  header.decoded = decoded_type(header);
  check_bytes(header, limits);
  header.vox_offset = voxel_offset(fields, limits);
  header.geometry.affine = affine_of(fields, header.geometry.size, edges_mm(fields));
  return header;
}

}  // namespace voxd
