#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace voxd {

/// A voxel index, or a grid size, along X, Y, Z (Z is the axis that lies contiguous in memory).
using Int3 = std::array<std::int32_t, 3>;
using Vec3 = std::array<double, 3>;

/// Voxel index (i, j, k, 1) to millimetres (x, y, z, 1) in RAS+; row-major, last row 0 0 0 1.
using Affine = std::array<std::array<double, 4>, 4>;

Affine identity_affine();
Affine operator*(const Affine& a, const Affine& b);
Vec3 apply(const Affine& affine, const Vec3& index);

/// Throws Error{invalid_argument} if the 3x3 part is singular (|det| below 1e-12 of the product of its column norms) or
/// not finite.
Affine inverse(const Affine& affine);

/// Length in mm of one step along each voxel axis: the column norms.
Vec3 spacing_mm(const Affine& affine);

/// Absolute determinant of the 3x3 part: the volume of one voxel in mm^3.
double voxel_volume_mm3(const Affine& affine);

/// A grid and where it lies in the patient.
struct Geometry {
  Int3 size{};
  Affine affine = identity_affine();

  std::int64_t voxels() const { return std::int64_t{size[0]} * size[1] * size[2]; }
  friend bool operator==(const Geometry&, const Geometry&) = default;
};

/// "181x217x181", for messages.
std::string to_string(const Int3& size);

}  // namespace voxd
