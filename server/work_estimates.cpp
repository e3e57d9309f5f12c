#include "server/work_estimates.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace voxd {
namespace {

constexpr double kNewest = 0.3;  // what the newest job counts

int power_of(std::int64_t bytes) {
  return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 0))));
}

}  // namespace

void WorkEstimates::record(const std::string& model, std::int64_t bytes, double seconds) {
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = models_[model].try_emplace(power_of(bytes));
  Average& average = entry->second;
  const double newest = is_new ? 1 : kNewest;
  average.bytes += newest * (static_cast<double>(bytes) - average.bytes);
  average.seconds += newest * (seconds - average.seconds);
}

double WorkEstimates::of(const std::string& model, std::int64_t bytes) const {
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(model);
  if (found == models_.end()) return 0;
  const int power = power_of(bytes);
  const auto nearest = std::min_element(
      found->second.begin(), found->second.end(),
      [power](const auto& a, const auto& b) { return std::abs(a.first - power) < std::abs(b.first - power); });
  const Average& average = nearest->second;
  // Within one power of two the same images differ by how well they were compressed: no proportion is taken there.
  if (nearest->first == power || average.bytes <= 0) return average.seconds;
  return average.seconds * static_cast<double>(bytes) / average.bytes;
}

}  // namespace voxd
