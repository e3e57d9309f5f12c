#include "server/decode/dicom_selection.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string_view>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

constexpr double most_angle_rad = 0.02;       // between images of one stack: about 1 degree
constexpr double most_spacing_ratio = 0.001;  // pixel spacings that are printed differently

std::string counted(std::size_t count, std::string_view one, std::string_view several) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : several);
}

const DicomFrame& frame_of(const std::vector<DicomInstance>& instances, const DicomSlice& slice) {
  return instances[slice.instance].frames[static_cast<std::size_t>(slice.frame)];
}

/// Leaves out what is no slice of a volume, and second copies.
std::vector<std::size_t> usable_instances(const std::vector<DicomInstance>& instances,
                                          std::vector<std::string>& warnings) {
  std::map<std::string, std::size_t> left_out;  // reason -> how many
  std::set<std::string_view> seen;
  std::vector<std::size_t> usable;
  std::size_t copies = 0;
  for (std::size_t i = 0; i < instances.size(); ++i) {
    const DicomInstance& instance = instances[i];
    if (!instance.unusable.empty())
      ++left_out[instance.class_name + " (" + instance.unusable + ")"];
    else if (!instance.instance_uid.empty() && !seen.insert(instance.instance_uid).second)
      ++copies;
    else
      usable.push_back(i);
  }
  if (usable.empty()) {
    std::string reasons;
    for (const auto& [reason, count] : left_out) reasons += (reasons.empty() ? "" : ", ") + reason;
    fail(Code::invalid_argument, "series: no image that a volume can be made of: ", reasons);
  }
  for (const auto& [reason, count] : left_out)
    warnings.push_back("left out " + counted(count, "object ", "objects ") + reason);
  if (copies > 0)
    warnings.push_back("left out " + counted(copies, "second copy", "second copies") + " of one instance");
  return usable;
}

void drop_marked_localizers(const std::vector<DicomInstance>& instances, std::vector<std::size_t>& usable,
                            std::vector<std::string>& warnings) {
  const auto is_localizer = [&](std::size_t i) { return instances[i].is_localizer; };
  const auto count = static_cast<std::size_t>(std::count_if(usable.begin(), usable.end(), is_localizer));
  if (count == 0 || count == usable.size()) return;
  std::erase_if(usable, is_localizer);
  warnings.push_back("left out " + counted(count, "localizer", "localizers"));
}

/// Identifiers are compared, not shown.
void check_one_series(const std::vector<DicomInstance>& instances, const std::vector<std::size_t>& usable) {
  struct Identifier {
    const char* name;
    std::string DicomInstance::*value;
  };
  constexpr std::array identifiers{Identifier{"PatientID", &DicomInstance::patient_id},
                                   Identifier{"StudyInstanceUID", &DicomInstance::study_uid},
                                   Identifier{"SeriesInstanceUID", &DicomInstance::series_uid},
                                   Identifier{"FrameOfReferenceUID", &DicomInstance::frame_of_reference_uid}};
  for (const Identifier& identifier : identifiers) {
    std::set<std::string_view> values;
    for (const std::size_t i : usable) values.insert(instances[i].*identifier.value);
    if (values.size() > 1)
      fail(Code::invalid_argument, "series: ", values.size(), " different values of ", identifier.name,
           " among the images, one series has 1");
  }
}

void check_complete(const DicomFrame& frame, std::size_t part, std::int32_t number) {
  const auto require = [&](bool has, const char* name) {
    if (!has) fail(Code::invalid_argument, "series: image ", part + 1, ", frame ", number + 1, ": no ", name);
  };
  require(frame.position.has_value(), "ImagePositionPatient");
  require(frame.orientation.has_value(), "ImageOrientationPatient");
  require(frame.spacing_mm.has_value(), "PixelSpacing");
  const auto& o = *frame.orientation;
  const double row = std::hypot(o[0], o[1], o[2]);
  const double column = std::hypot(o[3], o[4], o[5]);
  const double cosine = o[0] * o[3] + o[1] * o[4] + o[2] * o[5];
  if (!(std::abs(row - 1) < 0.01 && std::abs(column - 1) < 0.01 && std::abs(cosine) < 0.01))
    fail(Code::invalid_argument, "ImageOrientationPatient: not two directions of length 1 at a right angle (lengths ",
         row, " and ", column, ", cosine ", cosine, ")");
  for (const double spacing : *frame.spacing_mm)
    if (!(spacing > 1e-4 && spacing < 1e4))
      fail(Code::invalid_argument, "PixelSpacing: ", spacing, " mm, from 0.0001 to 10000");
}

bool same_orientation(const DicomFrame& a, const DicomFrame& b) {
  const auto angle = [&](std::size_t first) {
    const auto &p = *a.orientation, &q = *b.orientation;
    return std::hypot(p[first] - q[first], p[first + 1] - q[first + 1], p[first + 2] - q[first + 2]);
  };
  return angle(0) < most_angle_rad && angle(3) < most_angle_rad;
}

/// Groups of one orientation, the largest first.
std::vector<std::vector<DicomSlice>> by_orientation(const std::vector<DicomInstance>& instances,
                                                    const std::vector<DicomSlice>& slices) {
  std::vector<std::vector<DicomSlice>> groups;
  for (const DicomSlice& slice : slices) {
    const auto fits = [&](const std::vector<DicomSlice>& group) {
      return same_orientation(frame_of(instances, group.front()), frame_of(instances, slice));
    };
    const auto found = std::find_if(groups.begin(), groups.end(), fits);
    if (found != groups.end())
      found->push_back(slice);
    else
      groups.push_back({slice});
    if (groups.size() > 64) fail(Code::invalid_argument, "series: more than 64 different orientations, a stack has 1");
  }
  std::stable_sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return groups;
}

/// A few images across the others are localizers; two stacks of some size are two volumes.
std::vector<DicomSlice> one_orientation(const std::vector<DicomInstance>& instances,
                                        const std::vector<DicomSlice>& slices, std::vector<std::string>& warnings) {
  const auto groups = by_orientation(instances, slices);
  const std::size_t main = groups.front().size();
  const std::size_t others = slices.size() - main;
  if (others == 0) return groups.front();
  if (others > std::max<std::size_t>(3, main / 10) || others >= main)
    fail(Code::invalid_argument, "series: ", groups.size(),
         " stacks of different ImageOrientationPatient, the largest of ", main, " images, ", others,
         " in the others; one is expected");
  warnings.push_back("left out " + counted(others, "image", "images") + " across the others (localizers)");
  return groups.front();
}

void check_agreement(const std::vector<DicomInstance>& instances, const std::vector<DicomSlice>& slices) {
  const DicomPixels& first = instances[slices.front().instance].pixels;
  const auto& spacing = *frame_of(instances, slices.front()).spacing_mm;
  for (const DicomSlice& slice : slices) {
    const DicomPixels& pixels = instances[slice.instance].pixels;
    if (pixels.rows != first.rows || pixels.columns != first.columns)
      fail(Code::invalid_argument, "series: images of ", first.columns, "x", first.rows, " and of ", pixels.columns,
           "x", pixels.rows, " pixels");
    const auto& other = *frame_of(instances, slice).spacing_mm;
    for (std::size_t axis = 0; axis < 2; ++axis)
      if (std::abs(other[axis] - spacing[axis]) > most_spacing_ratio * spacing[axis])
        fail(Code::invalid_argument, "PixelSpacing: ", spacing[axis], " mm and ", other[axis], " mm in one series");
  }
}

void warn_of_values(const std::vector<DicomInstance>& instances, const std::vector<DicomSlice>& slices,
                    std::vector<std::string>& warnings) {
  const auto inverted = std::count_if(slices.begin(), slices.end(),
                                      [&](const DicomSlice& slice) { return instances[slice.instance].is_inverted; });
  if (inverted > 0)
    warnings.push_back("PhotometricInterpretation is MONOCHROME1 in " +
                       counted(static_cast<std::size_t>(inverted), "image", "images") +
                       ": values are taken as they are, not inverted");
  const bool no_class = std::any_of(slices.begin(), slices.end(), [&](const DicomSlice& slice) {
    return instances[slice.instance].class_uid.empty() || instances[slice.instance].instance_uid.empty();
  });
  if (no_class) warnings.push_back("SOPClassUID or SOPInstanceUID is empty: no DICOM object can refer to these images");
}

}  // namespace

DicomSelection select_slices(const std::vector<DicomInstance>& instances) {
  DicomSelection selection;
  std::vector<std::size_t> usable = usable_instances(instances, selection.warnings);
  drop_marked_localizers(instances, usable, selection.warnings);
  check_one_series(instances, usable);
  std::vector<DicomSlice> slices;
  for (const std::size_t i : usable)
    for (std::int32_t frame = 0; frame < static_cast<std::int32_t>(instances[i].frames.size()); ++frame) {
      check_complete(instances[i].frames[static_cast<std::size_t>(frame)], i, frame);
      slices.push_back({i, frame});
    }
  selection.slices = one_orientation(instances, slices, selection.warnings);
  check_agreement(instances, selection.slices);
  warn_of_values(instances, selection.slices, selection.warnings);
  return selection;
}

}  // namespace voxd
