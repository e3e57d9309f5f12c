#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "models/network.h"

namespace voxd {

/// Loads networks in a process of their own first, because a model file is code: what crashes or never ends does so
/// there. The process is `voxd_probe`, which lies beside the program that runs this; it dies with its parent, writes no
/// files and is the first to go when memory runs out. It is no sandbox. Safe from any thread.
class NetworkProbe {
 public:
  /// Throws Error{failed_precondition} when there is no such program beside ours.
  explicit NetworkProbe(std::chrono::milliseconds limit);

  /// True when the file was loaded and warmed up there, false when that was done earlier with the same options and the
  /// file is unchanged since. Throws, with one line, Error{failed_precondition} when it crashed or did not load in time
  /// and Error{invalid_argument} with libtorch's reason when it was refused. Blocks.
  bool check(const std::filesystem::path& file, const NetworkOptions& options);

 private:
  const std::chrono::milliseconds limit_;
  const std::filesystem::path program_;
  std::mutex mutex_;
  std::map<std::filesystem::path, std::string> passed_;  // by file: its state and the options; guarded by mutex_
};

/// The options as the one argument that tells voxd_probe of them, and back. Throws Error{invalid_argument} on a text
/// that is none.
std::string probe_argument(const NetworkOptions& options);
NetworkOptions probe_options(const std::string& argument);

}  // namespace voxd
