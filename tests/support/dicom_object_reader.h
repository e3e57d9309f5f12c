#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "gpu_transforms/volume/geometry.h"

namespace voxd::test {

/// A frame of a DICOM segmentation, as the file says; positions are LPS.
struct SegFrame {
  std::string segment;  ///< its label's text
  std::string type_code;
  std::string source_instance;
  int source_frame = 0;  ///< from 1; 0: not said
  Vec3 position{};
  std::array<double, 6> orientation{};
  std::array<double, 2> spacing_mm{};
  double between_slices_mm = 0;
  int rows = 0, columns = 0;
  std::vector<bool> voxels;

  /// Millimetres, LPS, of the pixel in that column and row.
  Vec3 place(double column, double row) const;
};
std::vector<SegFrame> read_seg(const std::vector<std::byte>& file);

/// A contour of a DICOM structure set.
struct ReadContour {
  std::string region;
  std::string source_instance;
  std::vector<Vec3> points_mm;  ///< LPS
};
std::vector<ReadContour> read_rtstruct(const std::vector<std::byte>& file);

/// One text of a DICOM file's data set.
std::string attribute(const std::vector<std::byte>& file, unsigned group, unsigned element);

}  // namespace voxd::test
