#pragma once

#include <cstdint>

namespace voxd {

/// Cores that this process may use: those that it is bound to, or fewer where its control group has a quota. At
/// least 1.
int usable_cores();

/// Lets this process open as many files and connections as the machine's administrator allows. Once, at start.
void raise_descriptor_limit();

/// The heap keeps what messages took for the next ones instead of giving it back to the system, which would hand it out
/// as fresh pages again: at most 64 MiB in each of four arenas. Once, at start, before other threads.
void keep_freed_memory();

/// Bytes that this process can still have: what the machine has available, or less where its control group has a limit.
/// 0 if neither is known.
std::int64_t available_memory();

/// Throws Error{resource_exhausted} unless `count` more threads can be started. Asked before the first of them is
/// needed, because not all libraries survive that one cannot.
void require_threads(int count);

}  // namespace voxd
