#include "server/infer_parameters.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "server/printable.h"

namespace voxd {
namespace {

using inference::InferParameter;

constexpr const char* kRegion = "shared_memory_region";
constexpr const char* kByteSize = "shared_memory_byte_size";
constexpr const char* kOffset = "shared_memory_offset";
constexpr std::size_t kMaxNumbers = 2048;      // characters
constexpr std::uint64_t kLowestPriority = 10;  // below 0, as in Segment's options
constexpr std::size_t kShown = 200;            // of a text that is refused

Clock::time_point timeout_of(const InferParameter& value) {
  if (value.parameter_choice_case() != InferParameter::kInt64Param || value.int64_param() <= 0)
    fail(Code::invalid_argument, "parameter 'timeout': must be a positive int64 number of microseconds");
  constexpr std::int64_t year_us = std::int64_t{365} * 24 * 3600 * 1'000'000;
  return Clock::now() + std::chrono::microseconds(std::min(value.int64_param(), year_us));
}

// Triton counts downwards from the highest, which is 1; a job counts upwards, 0 being what no one said anything of.
int priority_of(const InferParameter& value) {
  const bool is_unsigned = value.parameter_choice_case() == InferParameter::kUint64Param;
  if (!is_unsigned && (value.parameter_choice_case() != InferParameter::kInt64Param || value.int64_param() < 0))
    fail(Code::invalid_argument, "parameter 'priority': must be a uint64 number, 1 for the highest");
  const std::uint64_t level = is_unsigned ? value.uint64_param() : static_cast<std::uint64_t>(value.int64_param());
  return level == 0 ? 0 : -static_cast<int>(std::min(level - 1, kLowestPriority));
}

// Nested lists count as one: an affine as four rows is as good as sixteen numbers.
void append_numbers(const nlohmann::json& value, std::vector<double>& numbers) {
  for (const nlohmann::json& element : value) {
    if (element.is_array())
      append_numbers(element, numbers);
    else
      numbers.push_back(element.get<double>());
  }
}

std::vector<double> numbers_of(const std::string& name, const InferParameter& value, std::size_t count) {
  if (value.parameter_choice_case() != InferParameter::kStringParam)
    fail(Code::invalid_argument, "parameter '", name, "': must be a string, a JSON list of ", count, " numbers");
  const std::string& text = value.string_param();
  if (text.size() > kMaxNumbers)
    fail(Code::invalid_argument, "parameter '", name, "': ", text.size(), " characters, at most ", kMaxNumbers);
  std::vector<double> numbers;
  try {
    const nlohmann::json list = nlohmann::json::parse(text);
    if (list.is_array()) append_numbers(list, numbers);
  } catch (const nlohmann::json::exception&) {
    numbers.clear();
  }
  const bool are_finite = std::all_of(numbers.begin(), numbers.end(), [](double n) { return std::isfinite(n); });
  if (numbers.size() != count || !are_finite)
    fail(Code::invalid_argument, "parameter '", name, "': must be a JSON list of ", count, " finite numbers, got '",
         printable(text, kShown), "'");
  return numbers;
}

Affine affine_of(const InferParameter& value) {
  const std::vector<double> numbers = numbers_of("affine", value, 16);
  Affine affine;
  for (std::size_t i = 0; i < numbers.size(); ++i) affine[i / 4][i % 4] = numbers[i];
  if (affine[3] != std::array<double, 4>{0, 0, 0, 1})
    fail(Code::invalid_argument, "parameter 'affine': its last row must be 0, 0, 0, 1");
  try {
    inverse(affine);
  } catch (const Error& error) {
    fail(Code::invalid_argument, "parameter 'affine': ", error.what());
  }
  return affine;
}

Affine affine_of_spacing(const InferParameter& value) {
  const std::vector<double> mm = numbers_of("spacing", value, 3);
  Affine affine = identity_affine();
  for (std::size_t axis = 0; axis < mm.size(); ++axis) {
    if (!(mm[axis] > 0)) fail(Code::invalid_argument, "parameter 'spacing': ", mm[axis], " mm, must be above 0");
    affine[axis][axis] = mm[axis];
  }
  return affine;
}

std::int64_t whole_number(const InferParameter& value, const char* name, const std::string& tensor) {
  if (value.parameter_choice_case() != InferParameter::kInt64Param || value.int64_param() < 0)
    fail(Code::invalid_argument, "parameter '", name, "' of ", tensor, ": must be an int64 number of bytes, 0 or more");
  return value.int64_param();
}

}  // namespace

InferOptions infer_options(const InferParameters& parameters) {
  InferOptions options;
  if (parameters.contains("affine") && parameters.contains("spacing"))
    fail(Code::invalid_argument, "parameter 'spacing': there is an 'affine' as well, which says it already");
  for (const auto& [key, value] : parameters) {
    if (key == "timeout")
      options.deadline = timeout_of(value);
    else if (key == "priority")
      options.priority = priority_of(value);
    else if (key == "affine")
      options.affine = affine_of(value);
    else if (key == "spacing")
      options.affine = affine_of_spacing(value);
    else if (key.starts_with("sequence_"))
      fail(Code::unimplemented, "parameter '", printable(key), "' is not served");
    else if (key.starts_with("triton_") && key != "triton_enable_empty_final_response")
      fail(Code::invalid_argument, "parameter '", printable(key), "' is reserved and not known");
  }
  return options;
}

std::optional<SharedBytes> shared_bytes_of(const InferParameters& parameters, const std::string& tensor,
                                           const FindRegion& find) {
  std::optional<std::string> region;
  std::optional<std::int64_t> size, offset;
  for (const auto& [key, value] : parameters) {
    if (key == kRegion) {
      if (value.parameter_choice_case() != InferParameter::kStringParam)
        fail(Code::invalid_argument, "parameter '", kRegion, "' of ", tensor, ": must be a string");
      region = value.string_param();
    } else if (key == kByteSize) {
      size = whole_number(value, kByteSize, tensor);
    } else if (key == kOffset) {
      offset = whole_number(value, kOffset, tensor);
    } else {
      fail(Code::invalid_argument, "parameter '", printable(key), "' of ", tensor, " is not known");
    }
  }
  if (!region && !size && !offset) return std::nullopt;
  if (!region) fail(Code::invalid_argument, "parameter '", kRegion, "' of ", tensor, " is missing");
  if (!size) fail(Code::invalid_argument, "parameter '", kByteSize, "' of ", tensor, " is missing");
  if (*size == 0) fail(Code::invalid_argument, "parameter '", kByteSize, "' of ", tensor, ": 0 bytes, at least 1");
  SharedBytes bytes{find(*region), static_cast<std::uint64_t>(offset.value_or(0)), *size};
  bytes.region->check_range(bytes.offset, static_cast<std::uint64_t>(bytes.size));
  return bytes;
}

}  // namespace voxd
