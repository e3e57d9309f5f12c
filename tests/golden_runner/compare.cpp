#include "tests/golden_runner/compare.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "tests/golden_runner/exemptions.h"

namespace voxd::golden {
namespace {

constexpr double kAffineTolerance = 1e-6;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::ostringstream text;
  for (std::size_t i = 0; i < shape.size(); ++i) text << (i > 0 ? "," : "[") << shape[i];
  return text.str() + "]";
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

/// Label maps are uint8 or uint16 where MONAI has float32, and a box is int32.
bool stands_for(DType got, DType wanted) {
  return got == wanted || (wanted == DType::f32 && (got == DType::u8 || got == DType::u16)) ||
         (wanted == DType::i64 && got == DType::i32);
}

std::string array_difference(const Case& golden, const std::string& name, const Results& results,
                             const test::NpyArray& wanted_array, const std::filesystem::path& folder) {
  const nlohmann::json& entry = golden.entry.at(name);
  const auto found = results.find(name);
  if (found == results.end()) return "was not made";
  const Result& result = found->second;
  if (!stands_for(result.array.dtype, wanted_array.dtype))
    return "is of " + std::string(name_of(result.array.dtype)) + " instead of " +
           std::string(name_of(wanted_array.dtype));
  if (result.array.shape != wanted_array.shape)
    return "shape is " + shape_text(result.array.shape) + " instead of " + shape_text(wanted_array.shape);
  std::vector<double> got = as_doubles(result.array);
  const std::vector<double> wanted = as_doubles(wanted_array);
  if (golden.entry.value("tie", false)) {
    const std::string kept = kept_difference(golden, folder, got, wanted);
    return kept.empty() ? affine_difference(result.affine, entry) : kept;
  }
  if (name == "argmax" && golden.entry.contains("output"))
    excuse_close_calls(as_doubles(read_array(folder, golden.entry.at("output"))), got, wanted);
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
