#include "server/machine.h"

#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

// Version 2 of control groups, as seen from inside a container; then version 1.
std::optional<std::int64_t> number_in(const char* file) {
  std::ifstream in(file);
  std::int64_t value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

std::optional<double> quota_in_cores() {
  std::ifstream v2("/sys/fs/cgroup/cpu.max");  // "max 100000" or "150000 100000"
  double quota = 0, period = 0;
  if (v2 >> quota >> period && period > 0) return quota / period;
  const auto v1_quota = number_in("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  const auto v1_period = number_in("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (v1_quota && v1_period && *v1_quota > 0 && *v1_period > 0)
    return static_cast<double>(*v1_quota) / static_cast<double>(*v1_period);
  return std::nullopt;
}

std::optional<std::int64_t> left_in_group() {
  for (const auto& [limit, used] :
       {std::pair{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
        std::pair{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"}}) {
    const auto most = number_in(limit), now = number_in(used);
    if (most && now) return std::max<std::int64_t>(*most - *now, 0);
  }
  return std::nullopt;
}

std::optional<std::int64_t> left_on_machine() {
  std::ifstream in("/proc/meminfo");
  std::string name, unit;
  std::int64_t kibibytes = 0;
  while (in >> name >> kibibytes && std::getline(in, unit))
    if (name == "MemAvailable:") return kibibytes << 10;
  return std::nullopt;
}

}  // namespace

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int bound_to = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  // Half a core more than a whole number is worth a thread.
  const int quota = static_cast<int>(quota_in_cores().value_or(bound_to) + 0.5);
  return std::max(1, std::min(bound_to, quota));
}

void keep_freed_memory() {
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);  // glibc's most: what is larger comes from pools of our own
  ::mallopt(M_ARENA_MAX, 4);              // each of which keeps memory for its threads alone
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::int64_t available_memory() {
  const auto group = left_in_group(), machine = left_on_machine();
  if (group && machine) return std::min(*group, *machine);
  return group.value_or(machine.value_or(0));
}

void require_threads(int count) {
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  std::vector<std::jthread> threads;
  std::string why_not;
  try {
    while (static_cast<int>(threads.size()) < count) threads.emplace_back([ended] { ended.wait(); });
  } catch (const std::system_error& error) {
    why_not = error.code().message();
  }
  end.set_value();
  if (!why_not.empty())
    fail(Code::resource_exhausted, "threads: ", threads.size(), " of ", count,
         " could be started, is their number limited? ", why_not);
}

}  // namespace voxd
