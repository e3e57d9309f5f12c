#include "server/decode/dicom_series.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <set>
#include <sstream>
#include <string_view>

#include "gpu_transforms/volume/error.h"
#include "server/decode/dicom_selection.h"

namespace voxd {
namespace {

constexpr double least_tilt_degrees = 0.1;  // less is what printing positions rounds away

double dot(const Vec3& a, const Vec3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
double length(const Vec3& a) { return std::hypot(a[0], a[1], a[2]); }
Vec3 minus(const Vec3& a, const Vec3& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }
Vec3 times(const Vec3& a, double factor) { return {a[0] * factor, a[1] * factor, a[2] * factor}; }
Vec3 unit(const Vec3& a) { return times(a, 1 / length(a)); }
Vec3 cross(const Vec3& a, const Vec3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

/// One slice with its place along the normal.
struct Placed {
  DicomSlice slice;
  Vec3 position;
  double height_mm;
};

/// How far an image may be off its place on an even grid.
double tolerance_mm(double step_mm) { return std::min(0.1 * step_mm, std::max(0.05, 0.01 * step_mm)); }

std::string different_phases(const std::vector<DicomInstance>& instances, const std::vector<Placed>& stack) {
  std::string names;
  for (std::size_t i = 0; i < dicom_phase_names.size(); ++i) {
    std::set<std::string_view> values;
    for (const Placed& placed : stack) values.insert(instances[placed.slice.instance].phase[i]);
    if (values.size() > 1) names += (names.empty() ? "; they differ in " : ", ") + std::string(dicom_phase_names[i]);
  }
  return names;
}

void check_one_stack(const std::vector<DicomInstance>& instances, const std::vector<Placed>& stack) {
  const double range = stack.back().height_mm - stack.front().height_mm;
  const double same = std::max(1e-4, 0.01 * range / static_cast<double>(stack.size() - 1));
  std::size_t places = 1;
  for (std::size_t i = 1; i < stack.size(); ++i)
    if (stack[i].height_mm - stack[i - 1].height_mm > same) ++places;
  if (places < stack.size())
    fail(Code::invalid_argument, "series: more than one stack: ", stack.size(), " images at ", places,
         places == 1 ? " position" : " positions", different_phases(instances, stack), "; send one stack");
}

/// Says of uneven distances whether slices are missing.
[[noreturn]] void fail_uneven(const std::vector<Placed>& stack) {
  std::vector<double> steps;
  for (std::size_t i = 1; i < stack.size(); ++i) steps.push_back(stack[i].height_mm - stack[i - 1].height_mm);
  std::vector<double> sorted = steps;
  std::sort(sorted.begin(), sorted.end());
  const double usual = sorted[(sorted.size() - 1) / 2];
  double missing = 0;
  std::size_t gaps = 0, widest = 0;
  bool all_multiples = true;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double multiple = std::round(steps[i] / usual);
    all_multiples = all_multiples && multiple >= 1 && std::abs(steps[i] - multiple * usual) <= 2 * tolerance_mm(usual);
    missing += multiple - 1;
    gaps += multiple > 1;
    if (steps[i] > steps[widest]) widest = i;
  }
  // Where most distances are wide, it is no series with gaps but one of two spacings.
  if (all_multiples && gaps > 0 && gaps * 4 <= steps.size() + 3)
    fail(Code::invalid_argument, "series: ", missing, missing == 1 ? " slice is" : " slices are",
         " missing: ", steps[widest], " mm between slices ", widest + 1, " and ", widest + 2, " of ", stack.size(),
         ", ", usual, " mm elsewhere");
  fail(Code::invalid_argument, "series: the slices are not evenly spaced: ", sorted.front(), " to ", sorted.back(),
       " mm apart");
}

/// The vector from slice to slice, if all lie on an even grid.
Vec3 even_step(const std::vector<Placed>& stack) {
  const double intervals = static_cast<double>(stack.size() - 1);
  const Vec3 step = times(minus(stack.back().position, stack.front().position), 1 / intervals);
  const double step_mm = (stack.back().height_mm - stack.front().height_mm) / intervals;
  const double most = tolerance_mm(step_mm);
  double sideways = 0;
  for (std::size_t i = 0; i < stack.size(); ++i) {
    const double expected = stack.front().height_mm + static_cast<double>(i) * step_mm;
    if (std::abs(stack[i].height_mm - expected) > most) fail_uneven(stack);
    const Vec3 off = minus(minus(stack[i].position, stack.front().position), times(step, static_cast<double>(i)));
    sideways = std::max(sideways, length(off));
  }
  if (sideways > 2 * most)
    fail(Code::invalid_argument, "series: the slices are shifted sideways against each other by up to ", sideways,
         " mm, not evenly as a tilted gantry does");
  return step;
}

std::vector<Placed> sorted_stack(const std::vector<DicomInstance>& instances, const std::vector<DicomSlice>& slices,
                                 const Vec3& normal) {
  std::vector<Placed> stack;
  for (const DicomSlice& slice : slices) {
    const Vec3& position = *instances[slice.instance].frames[static_cast<std::size_t>(slice.frame)].position;
    stack.push_back({slice, position, dot(position, normal)});
  }
  std::stable_sort(stack.begin(), stack.end(),
                   [](const Placed& a, const Placed& b) { return a.height_mm < b.height_mm; });
  return stack;
}

Affine affine_of(const Vec3& x, const Vec3& y, const Vec3& z, const Vec3& origin) {
  Affine affine = identity_affine();
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double sign = axis < 2 ? -1 : 1;  // LPS to RAS
    // Adding 0 makes -0 of a turned sign 0.
    affine[axis] = {sign * x[axis] + 0, sign * y[axis] + 0, sign * z[axis] + 0, sign * origin[axis] + 0};
  }
  return affine;
}

void warn_of_tilt(const Vec3& step, const Vec3& normal, std::vector<std::string>& warnings) {
  const double cosine = std::min(1.0, dot(unit(step), normal));
  const double degrees = std::acos(cosine) * 180 / std::numbers::pi;
  if (degrees < least_tilt_degrees) return;
  std::ostringstream text;
  text.precision(3);
  text << "the slices are shifted against each other, as by a gantry tilted by " << degrees
       << " degrees: the volume's affine is sheared";
  warnings.push_back(text.str());
}

}  // namespace

DicomSeries assemble_series(const std::vector<DicomInstance>& instances, const DecodeLimits& limits) {
  DicomSelection selection = select_slices(instances);
  const DicomSlice& any = selection.slices.front();
  const DicomInstance& first = instances[any.instance];
  if (selection.slices.size() < 2) fail(Code::invalid_argument, "series: 1 slice, a volume has at least 2");
  if (static_cast<std::int64_t>(selection.slices.size()) > limits.max_axis_voxels)
    fail(Code::invalid_argument, "series: ", selection.slices.size(), " slices, at most ", limits.max_axis_voxels);

  const DicomFrame& frame = first.frames[static_cast<std::size_t>(any.frame)];
  const auto& o = *frame.orientation;
  const Vec3 along_row = unit({o[0], o[1], o[2]});
  const Vec3 along_column = unit({o[3], o[4], o[5]});
  const Vec3 normal = unit(cross(along_row, along_column));
  const std::vector<Placed> stack = sorted_stack(instances, selection.slices, normal);
  check_one_stack(instances, stack);
  const Vec3 step = even_step(stack);
  warn_of_tilt(step, normal, selection.warnings);

  DicomSeries series;
  series.warnings = std::move(selection.warnings);
  series.geometry.size = {first.pixels.columns, first.pixels.rows, static_cast<std::int32_t>(stack.size())};
  series.geometry.affine = affine_of(times(along_row, (*frame.spacing_mm)[1]),
                                     times(along_column, (*frame.spacing_mm)[0]), step, stack.front().position);
  inverse(series.geometry.affine);  // throws if it has none
  for (const Placed& placed : stack) series.slices.push_back(placed.slice);
  return series;
}

}  // namespace voxd
