#pragma once

#include <chrono>
#include <filesystem>
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

}  // namespace voxd
