#include "tests/golden_runner/exemptions.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "tests/support/reference.h"

namespace voxd::golden {

std::vector<double> as_doubles(const test::NpyArray& array) {
  std::vector<double> values(static_cast<std::size_t>(array.count()));
  visit_dtype(array.dtype, [&](auto zero) {
    const auto source = array.as<decltype(zero)>();
    std::transform(source.begin(), source.end(), values.begin(), [](auto value) { return static_cast<double>(value); });
  });
  return values;
}

bool equal(double a, double b, double tolerance) {
  return (std::isnan(a) && std::isnan(b)) || a == b || std::abs(a - b) <= tolerance;
}

void excuse_close_calls(const std::vector<double>& channels, std::vector<double>& got,
                        const std::vector<double>& wanted) {
  constexpr double kTooCloseToCall = 1e-6;
  const std::size_t voxels = got.size(), count = channels.size() / voxels;
  for (std::size_t i = 0; i < voxels; ++i) {
    std::size_t best = 0, second = count;
    for (std::size_t c = 1; c < count; ++c) {
      const double value = channels[c * voxels + i];
      if (value > channels[best * voxels + i]) {
        second = best;
        best = c;
      } else if (second == count || value > channels[second * voxels + i]) {
        second = c;
      }
    }
    if (second == count) continue;
    const double lead = channels[best * voxels + i] - channels[second * voxels + i];
    const bool either = got[i] == static_cast<double>(best) || got[i] == static_cast<double>(second);
    if (lead > 0 && lead < kTooCloseToCall && either) got[i] = wanted[i];
  }
}

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

namespace {

/// Sizes, ascending, of the components of one channel's voxels for which `chosen` holds.
std::vector<int> component_sizes(const std::vector<double>& values, std::size_t first, const Int3& size,
                                 int connectivity, const std::function<bool(double)>& chosen) {
  test::Grid<int> mask(1, size, 0);
  test::for_each_voxel(
      size, [&](int x, int y, int z) { mask.at(0, x, y, z) = chosen(values[first + mask.index(0, x, y, z)]); });
  std::vector<int> sizes;
  test::components(mask, connectivity, sizes);
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

/// The labels, other than 0, that are looked at together: each alone, or all that are applied.
std::vector<std::set<double>> label_groups(const nlohmann::json& params, const std::vector<double>& values) {
  std::set<double> labels(values.begin(), values.end());
  labels.erase(0);
  std::vector<std::set<double>> groups;
  if (params.value("independent", true)) {
    for (const double label : labels) groups.push_back({label});
    return groups;
  }
  const nlohmann::json applied = params.value("applied_labels", nlohmann::json());
  if (applied.is_null()) return {labels};
  const auto list = applied.is_array() ? applied.get<std::vector<double>>() : std::vector{applied.get<double>()};
  return {std::set<double>(list.begin(), list.end())};
}

}  // namespace

std::string kept_difference(const Case& golden, const std::filesystem::path& folder, const std::vector<double>& got,
                            const std::vector<double>& wanted) {
  const test::NpyArray input = read_array(folder, golden.entry.at("input"));
  const std::vector<double> values = as_doubles(input);
  for (std::size_t i = 0; i < got.size(); ++i)
    if (got[i] != 0 && got[i] != values[i])
      return "element " + std::to_string(i) + " is neither 0 nor what the input has";
  const Int3 size = {static_cast<std::int32_t>(input.shape.at(1)), static_cast<std::int32_t>(input.shape.at(2)),
                     static_cast<std::int32_t>(input.shape.at(3))};
  const nlohmann::json connectivity = golden.params().value("connectivity", nlohmann::json(3));
  const int reach = connectivity.is_null() ? 3 : connectivity.get<int>();
  const std::size_t voxels = got.size() / static_cast<std::size_t>(input.shape.at(0));
  // Channels of a one-hot volume are masks, whatever their labels are called.
  const bool onehot = input.shape.at(0) > 1;
  const auto groups = onehot ? std::vector<std::set<double>>{{1.0}} : label_groups(golden.params(), values);
  for (std::size_t first = 0; first < got.size(); first += voxels)
    for (const std::set<double>& group : groups) {
      const auto chosen = [&](double v) { return onehot ? v != 0 : group.contains(v); };
      if (component_sizes(got, first, size, reach, chosen) != component_sizes(wanted, first, size, reach, chosen))
        return "other components are kept than ones of the wanted sizes";
    }
  return {};
}

}  // namespace voxd::golden
