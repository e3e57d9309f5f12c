#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace voxd {

/// How a child process ended.
struct ChildEnd {
  bool timed_out = false;  ///< it was killed then
  int signal = 0;          ///< that ended it, 0: none
  int status = 0;          ///< its exit status, where no signal ended it
  std::string output;      ///< the first few KiB of what it wrote to its standard output
};

/// Runs a program to its end, or kills it after `limit`. It inherits the environment and no open file but its output;
/// what it writes to standard error is dropped. Throws Error{internal} when it cannot be started. Blocks; safe from any
/// thread.
ChildEnd run_child(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                   std::chrono::milliseconds limit);

/// What a child has of its parent. Descriptors that are -1 are /dev/null, standard error always is; nothing else is
/// open.
struct ChildSurroundings {
  int input = -1;   ///< becomes its standard input
  int output = -1;  ///< becomes its standard output
  int extra = -1;   ///< becomes its descriptor 3; -1: there is none
  /// "NAME=value"; absent: its parent's.
  std::optional<std::vector<std::string>> environment = {};
};

/// Starts a program. The child is the caller's to end and to wait for (wait_for_child). Throws Error{internal} when it
/// cannot be started. Safe from any thread.
pid_t start_child(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                  const ChildSurroundings& surroundings);

/// Blocks until the child has ended; how it did, without timed_out and output.
ChildEnd wait_for_child(pid_t child);

/// The program of that name in the folder of the one that runs this. Throws Error{failed_precondition} if there is
/// none.
std::filesystem::path program_beside(const std::string& name);

}  // namespace voxd
