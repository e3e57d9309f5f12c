#include "tests/golden_runner/compare.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace voxd::golden {
namespace {

constexpr double kAffineTolerance = 1e-6;
constexpr double kTooCloseToCall = 1e-6;

std::vector<double> as_doubles(const test::NpyArray& array) {
  std::vector<double> values(static_cast<std::size_t>(array.count()));
  visit_dtype(array.dtype, [&](auto zero) {
    const auto source = array.as<decltype(zero)>();
    std::transform(source.begin(), source.end(), values.begin(), [](auto value) { return static_cast<double>(value); });
  });
  return values;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::ostringstream text;
  for (std::size_t i = 0; i < shape.size(); ++i) text << (i > 0 ? "," : "[") << shape[i];
  return text.str() + "]";
}

bool equal(double a, double b, double tolerance) {
  return (std::isnan(a) && std::isnan(b)) || a == b || std::abs(a - b) <= tolerance;
}

std::string value_difference(const std::vector<double>& got, const std::vector<double>& wanted, double tolerance) {
  std::size_t count = 0, worst = 0;
  double largest = -1;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (equal(got[i], wanted[i], tolerance)) continue;
    ++count;
    const double by = std::abs(got[i] - wanted[i]);
    if (!(by <= largest)) {  // a NaN on one side is the worst there is
      largest = by;
      worst = i;
    }
  }
  if (count == 0) return {};
  std::ostringstream text;
  text.precision(9);
  text << count << " of " << got.size() << " values differ by more than " << tolerance << ", element " << worst
       << " is " << got[worst] << " instead of " << wanted[worst];
  return text.str();
}

std::string affine_difference(const Affine& got, const nlohmann::json& entry) {
  if (!entry.contains("affine")) return {};
  const Affine wanted = affine_of(entry);
  for (int row = 0; row < 4; ++row)
    for (int column = 0; column < 4; ++column)
      if (!equal(got[row][column], wanted[row][column], kAffineTolerance)) {
        std::ostringstream text;
        text << "affine[" << row << "][" << column << "] is " << got[row][column] << " instead of "
             << wanted[row][column];
        return text.str();
      }
  return {};
}

/// Replaces by the wanted label what is too close to call: channels [C,...] whose two largest values are within the
/// limit.
void excuse_close_calls(const test::NpyArray& channels, std::vector<double>& got, const std::vector<double>& wanted) {
  const std::vector<double> values = as_doubles(channels);
  const std::size_t voxels = got.size();
  for (std::size_t i = 0; i < voxels; ++i) {
    double best = -INFINITY, second = -INFINITY;
    for (std::size_t at = i; at < values.size(); at += voxels) {
      second = std::max(second, std::min(best, values[at]));
      best = std::max(best, values[at]);
    }
    if (best - second < kTooCloseToCall) got[i] = wanted[i];
  }
}

/// Replaces by the wanted value what MONAI's rounding decided: where the index's ties mask is set, the position in the
/// input lies half-way between voxels, and any of those it lies between is right. Only these.
void excuse_ties(const Case& golden, const std::filesystem::path& folder, std::vector<double>& got,
                 const std::vector<double>& wanted) {
  constexpr double kHalfWay = 0.5 + 1e-5;
  const test::NpyArray mask = read_array(folder, golden.entry.at("ties")),
                       input = read_array(folder, golden.entry.at("input"));
  const std::vector<double> tied = as_doubles(mask), values = as_doubles(input);
  const Affine to_input = inverse(affine_of(golden.entry.at("input"))) * affine_of(golden.entry.at("output"));
  const auto size = [](const test::NpyArray& array, std::size_t axis) { return array.shape.at(axis + 1); };
  for (std::size_t at = 0; at < got.size(); ++at) {
    if (tied.at(at) == 0) continue;
    const auto i = static_cast<std::int64_t>(at);
    const Vec3 position = apply(to_input, {double(i / size(mask, 2) / size(mask, 1) % size(mask, 0)),
                                           double(i / size(mask, 2) % size(mask, 1)), double(i % size(mask, 2))});
    const std::int64_t channel = i / size(mask, 2) / size(mask, 1) / size(mask, 0);
    bool right = false;
    for (std::int64_t corner = 0; corner < 8; ++corner) {
      std::int64_t offset = channel;
      bool near = true;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        const double p = std::clamp(position[axis], 0.0, double(size(input, axis) - 1));
        const std::int64_t voxel = static_cast<std::int64_t>(std::floor(p)) + (corner >> axis & 1);
        near = near && voxel < size(input, axis) && std::abs(p - double(voxel)) <= kHalfWay;
        offset = offset * size(input, axis) + std::min(voxel, size(input, axis) - 1);
      }
      right = right || (near && equal(values.at(static_cast<std::size_t>(offset)), got[at], 0));
    }
    if (right) got[at] = wanted.at(at);
  }
}

std::size_t count_set(const std::vector<double>& values) {
  return values.size() - static_cast<std::size_t>(std::count(values.begin(), values.end(), 0.0));
}

std::string array_difference(const Case& golden, const std::string& name, const Results& results,
                             const test::NpyArray& wanted_array, const std::filesystem::path& folder) {
  const nlohmann::json& entry = golden.entry.at(name);
  const auto found = results.find(name);
  if (found == results.end()) return "was not made";
  const Result& result = found->second;
  if (result.array.shape != wanted_array.shape)
    return "shape is " + shape_text(result.array.shape) + " instead of " + shape_text(wanted_array.shape);
  std::vector<double> got = as_doubles(result.array);
  const std::vector<double> wanted = as_doubles(wanted_array);
  if (golden.entry.value("tie", false)) {
    if (count_set(got) == count_set(wanted)) return affine_difference(result.affine, entry);
    return std::to_string(count_set(got)) + " voxels are kept instead of " + std::to_string(count_set(wanted));
  }
  if (name == "argmax" && results.contains("output") && results.at("output").array.count() > result.array.count())
    excuse_close_calls(results.at("output").array, got, wanted);
  if (name == "output" && golden.entry.contains("ties")) excuse_ties(golden, folder, got, wanted);
  const std::string values = value_difference(got, wanted, golden.entry.at("atol"));
  return values.empty() ? affine_difference(result.affine, entry) : values;
}

}  // namespace

std::string difference(const Case& golden, const Results& results, const std::filesystem::path& folder) {
  for (const char* name : {"forward", "output", "argmax", "contour", "box_start", "box_end"}) {
    if (!golden.entry.contains(name)) continue;
    const std::string text = array_difference(golden, name, results, read_array(folder, golden.entry.at(name)), folder);
    if (!text.empty()) return std::string(name) + ": " + text;
  }
  return {};
}

bool is_deviation(const Case& golden) { return golden.id == "010_ScaleIntensityRange"; }

std::string difference_from_intent(const Case& golden, const Results& results, const std::filesystem::path& folder) {
  // MONAI's int16 arithmetic wraps around; voxd converts to float32 first, as MONAI's own LoadImage does.
  const nlohmann::json& params = golden.params();
  const test::NpyArray input = read_array(folder, golden.entry.at("input"));
  const float a_min = params.at("a_min"), range = params.at("a_max").get<float>() - a_min;
  const float b_min = params.at("b_min"), b_range = params.at("b_max").get<float>() - b_min;
  test::NpyArray wanted = test::make_npy(DType::f32, input.shape);
  const std::vector<double> values = as_doubles(input);
  std::transform(values.begin(), values.end(), wanted.as<float>().begin(), [&](double value) {
    const float y = (static_cast<float>(value) - a_min) / range * b_range + b_min;
    return std::clamp(y, b_min, b_min + b_range);
  });
  return array_difference(golden, "output", results, wanted, folder);
}

}  // namespace voxd::golden
