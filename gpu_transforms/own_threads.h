#pragma once

#include <cstdint>
#include <functional>

namespace voxd {

/// Runs task(0) ... task(tasks - 1), in any order, on the caller's thread and on a small set of threads that the
/// process keeps; returns when all have run. Rethrows the first exception of a task; the other tasks still ran. Stands
/// in for TBB where ThreadSanitizer must see every thread. Safe from any thread, also from inside a task.
void run_on_own_threads(std::int64_t tasks, const std::function<void(std::int64_t)>& task);

}  // namespace voxd
