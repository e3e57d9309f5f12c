#include <algorithm>
#include <cmath>

#include "gpu_transforms/axis_moves.h"
#include "gpu_transforms/spatial.h"

namespace voxd {
namespace {

constexpr const char* kNegative = "LPI";  // the end of a world axis at which its coordinate is smallest
constexpr const char* kPositive = "RAS";

/// World axis and direction that a voxel axis runs along.
struct Direction {
  int axis;
  bool negative;
};

Direction direction_of(char letter) {
  for (int axis = 0; axis < 3; ++axis) {
    if (letter == kPositive[axis]) return {axis, false};
    if (letter == kNegative[axis]) return {axis, true};
  }
  return {-1, false};
}

using Matrix3 = std::array<std::array<double, 3>, 3>;

Affine with_columns_of(const Matrix3& m) {
  Affine affine = identity_affine();
  for (int row = 0; row < 3; ++row) std::copy(m[row].begin(), m[row].end(), affine[row].begin());
  return affine;
}

/// The rotation (with reflection) nearest to the affine's normalised axes, by Newton's iteration for the polar
/// decomposition.
Matrix3 nearest_rotation(const Affine& affine) {
  const Vec3 spacing = spacing_mm(affine);
  Matrix3 m;
  for (int row = 0; row < 3; ++row)
    for (int column = 0; column < 3; ++column) m[row][column] = affine[row][column] / spacing[column];
  for (int iteration = 0; iteration < 100; ++iteration) {
    const Affine inv = inverse(with_columns_of(m));
    double change = 0;
    for (int row = 0; row < 3; ++row)
      for (int column = 0; column < 3; ++column) {
        const double next = (m[row][column] + inv[column][row]) / 2;
        change = std::max(change, std::abs(next - m[row][column]));
        m[row][column] = next;
      }
    if (change < 1e-15) break;
  }
  return m;
}

/// nibabel's io_orientation: the voxel axis that is closest to a world axis chooses first, and takes that world axis
/// from the others.
std::array<Direction, 3> directions_of(const Affine& affine) {
  inverse(affine);  // refuses what has no orientation
  Matrix3 rotation = nearest_rotation(affine);
  const auto strength = [&rotation](int column) {
    return std::max({std::abs(rotation[0][column]), std::abs(rotation[1][column]), std::abs(rotation[2][column])});
  };
  const Vec3 strengths = {strength(0), strength(1), strength(2)};
  std::array<int, 3> order = {0, 1, 2};
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return strengths[a] > strengths[b]; });
  std::array<Direction, 3> directions{};
  for (const int column : order) {
    int best = 0;
    for (int row = 1; row < 3; ++row)
      if (std::abs(rotation[row][column]) > std::abs(rotation[best][column])) best = row;
    directions[column] = {best, rotation[best][column] < 0};
    rotation[best] = {0, 0, 0};
  }
  return directions;
}

}  // namespace

void check_axcodes(const std::string& axcodes) {
  std::array<bool, 3> seen{};
  for (const char letter : axcodes) {
    const Direction direction = direction_of(letter);
    if (axcodes.size() != 3 || direction.axis < 0 || std::exchange(seen[direction.axis], true))
      fail(Code::invalid_argument, "axcodes: \"", axcodes, "\", must be three letters, one each of L/R, P/A and I/S");
  }
  if (axcodes.empty())
    fail(Code::invalid_argument, "axcodes: empty, must be three letters, one each of L/R, P/A and I/S");
}

std::string axcodes_of(const Affine& affine) {
  std::string axcodes;
  for (const Direction& direction : directions_of(affine))
    axcodes += (direction.negative ? kNegative : kPositive)[direction.axis];
  return axcodes;
}

AxisMoves moves_to(const Affine& affine, const std::string& axcodes) {
  check_axcodes(axcodes);
  const std::array<Direction, 3> source = directions_of(affine);
  AxisMoves moves;
  for (int a = 0; a < 3; ++a) {
    const Direction wanted = direction_of(axcodes[a]);
    for (int b = 0; b < 3; ++b)
      if (source[b].axis == wanted.axis) {
        moves.from[a] = b;
        moves.flipped[a] = source[b].negative != wanted.negative;
      }
  }
  return moves;
}

Geometry moved(const Geometry& geometry, const AxisMoves& moves) {
  Geometry result = geometry;
  for (int a = 0; a < 3; ++a) {
    const int b = moves.from[a];
    result.size[a] = geometry.size[b];
    for (int row = 0; row < 3; ++row) {
      const double step = geometry.affine[row][b];
      result.affine[row][a] = moves.flipped[a] ? -step : step;
      if (moves.flipped[a]) result.affine[row][3] += step * (geometry.size[b] - 1);
    }
  }
  return result;
}

AxisMoves moves_between(const Geometry& from, const Geometry& to) {
  AxisMoves moves;
  std::array<bool, 3> taken{};
  const Vec3 spacing = spacing_mm(from.affine);
  for (int a = 0; a < 3; ++a) {
    bool found = false;
    for (int b = 0; b < 3 && !found; ++b) {
      double same = 0, opposite = 0;
      for (int row = 0; row < 3; ++row) {
        same = std::max(same, std::abs(to.affine[row][a] - from.affine[row][b]));
        opposite = std::max(opposite, std::abs(to.affine[row][a] + from.affine[row][b]));
      }
      found = !taken[b] && to.size[a] == from.size[b] && std::min(same, opposite) <= 1e-6 * spacing[b];
      if (found) {
        taken[b] = true;
        moves.from[a] = b;
        moves.flipped[a] = opposite < same;
      }
    }
    if (!found)
      fail(Code::failed_precondition, "orientation: a ", to_string(from.size), " grid cannot be turned back into the ",
           to_string(to.size), " one it came from");
  }
  return moves;
}

}  // namespace voxd
