#include "gpu_transforms/volume/geometry.h"

#include <cmath>

#include "gpu_transforms/volume/error.h"

namespace voxd {

Affine identity_affine() { return {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}}; }

Affine operator*(const Affine& a, const Affine& b) {
  Affine product{};
  for (int row = 0; row < 4; ++row)
    for (int column = 0; column < 4; ++column)
      for (int k = 0; k < 4; ++k) product[row][column] += a[row][k] * b[k][column];
  return product;
}

Vec3 apply(const Affine& affine, const Vec3& index) {
  Vec3 mm{};
  for (int row = 0; row < 3; ++row)
    mm[row] = affine[row][0] * index[0] + affine[row][1] * index[1] + affine[row][2] * index[2] + affine[row][3];
  return mm;
}

namespace {

double determinant3(const Affine& m) {
  return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
         m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
}

}  // namespace

Vec3 spacing_mm(const Affine& affine) {
  Vec3 spacing{};
  for (int column = 0; column < 3; ++column)
    spacing[column] = std::sqrt(affine[0][column] * affine[0][column] + affine[1][column] * affine[1][column] +
                                affine[2][column] * affine[2][column]);
  return spacing;
}

double voxel_volume_mm3(const Affine& affine) { return std::abs(determinant3(affine)); }

Affine inverse(const Affine& m) {
  const double det = determinant3(m);
  const Vec3 norm = spacing_mm(m);
  if (!(std::abs(det) > 1e-12 * norm[0] * norm[1] * norm[2]) || !std::isfinite(det))
    fail(Code::invalid_argument, "affine: the 3x3 part cannot be inverted, its determinant is ", det);
  Affine inv = identity_affine();
  for (int row = 0; row < 3; ++row)
    for (int column = 0; column < 3; ++column) {
      // Cofactor of the transposed element; the cyclic indices carry the sign.
      const int r1 = (column + 1) % 3, r2 = (column + 2) % 3, c1 = (row + 1) % 3, c2 = (row + 2) % 3;
      inv[row][column] = (m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]) / det;
    }
  for (int row = 0; row < 3; ++row)
    inv[row][3] = -(inv[row][0] * m[0][3] + inv[row][1] * m[1][3] + inv[row][2] * m[2][3]);
  return inv;
}

std::string to_string(const Int3& size) {
  return std::to_string(size[0]) + "x" + std::to_string(size[1]) + "x" + std::to_string(size[2]);
}

}  // namespace voxd
