#pragma once

#include "gpu_transforms/pad.h"
#include "tests/support/reference.h"

// Boxes and their padding in plain loops, one axis after the other.
namespace voxd::test {

/// The voxels that a periodic padding of a line repeats.
template <class T>
std::vector<T> period_of(const std::vector<T>& line, PadMode mode) {
  std::vector<T> period = line;
  if (mode == PadMode::symmetric) period.insert(period.end(), line.rbegin(), line.rend());
  if (mode == PadMode::reflect)
    for (std::size_t i = line.size() - 1; i-- > 1;) period.push_back(line[i]);
  return period;
}

template <class T>
T extremum(const std::vector<T>& line, bool largest) {
  T best = line[0];
  for (const T value : line) {
    if (value != value) return value;
    if (largest ? value > best : value < best) best = value;
  }
  return best;
}

/// Voxel `i` of a line that goes on before 0 and after its end.
template <class T>
T beyond(const std::vector<T>& line, int i, PadMode mode, T value) {
  const int n = static_cast<int>(line.size());
  if (i >= 0 && i < n) return line[static_cast<std::size_t>(i)];
  switch (mode) {
    case PadMode::constant: return value;
    case PadMode::edge: return i < 0 ? line.front() : line.back();
    case PadMode::minimum: return extremum(line, false);
    case PadMode::maximum: return extremum(line, true);
    default: break;
  }
  const std::vector<T> period = period_of(line, mode);
  while (i < 0) i += static_cast<int>(period.size());
  return period[static_cast<std::size_t>(i) % period.size()];
}

template <class T>
Grid<T> padded_along(const Grid<T>& in, std::int32_t channels, int axis, int before, int after, PadMode mode, T value) {
  Int3 size = in.size();
  const int n = size[axis];
  size[axis] += before + after;
  Grid<T> out(channels, size, value);
  Int3 lines = size;
  lines[axis] = 1;
  for (int c = 0; c < channels; ++c)
    for_each_voxel(lines, [&](int x, int y, int z) {
      Int3 at = {x, y, z};
      std::vector<T> line;
      for (at[axis] = 0; at[axis] < n; ++at[axis]) line.push_back(in.at(c, at[0], at[1], at[2]));
      for (at[axis] = 0; at[axis] < size[axis]; ++at[axis])
        out.at(c, at[0], at[1], at[2]) = beyond(line, at[axis] - before, mode, value);
    });
  return out;
}

/// What lies in the box of the image, and around it padding that knows of nothing else.
template <class T>
Grid<T> padded_box_of(const HostVolume& volume, const Box& box, PadMode mode, T value) {
  const Grid<T> in(volume);
  Box inside = box;
  for (int a = 0; a < 3; ++a) {
    inside.start[a] = std::clamp(box.start[a], 0, in.size()[a]);
    inside.end[a] = std::clamp(box.end[a], inside.start[a], in.size()[a]);
  }
  Grid<T> out(volume.channels, inside.size(), value);
  for (int c = 0; c < volume.channels; ++c)
    for_each_voxel(inside.size(), [&](int x, int y, int z) {
      out.at(c, x, y, z) = in.at(c, x + inside.start[0], y + inside.start[1], z + inside.start[2]);
    });
  for (int a = 0; a < 3; ++a)
    out =
        padded_along(out, volume.channels, a, inside.start[a] - box.start[a], box.end[a] - inside.end[a], mode, value);
  return out;
}

}  // namespace voxd::test
