#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/bench_case.h"
#include "tests/bench/child_process.h"
#include "tests/support/temporary_folder.h"

namespace voxd::bench {

/// A Python that runs the same steps in MONAI: tests/bench/peer.py, started once, asked line by line in JSON, given
/// data in .npy files. Used by one thread.
class Peer {
 public:
  /// Throws Error{failed_precondition} if it does not answer. `environment` is put on top of ours.
  Peer(const std::string& python, int threads, const std::map<std::string, std::string>& environment);

  /// Versions, threads and allocator: what peer.py says of itself.
  const Json& about() const { return about_; }
  /// The best time of the case's chains on the same data, in ms. Throws Error{failed_precondition} with MONAI's words
  /// if it fails.
  double best_ms(const Case& bench_case, const std::vector<HostVolume>& inputs, double seconds);

 private:
  Json ask(const Json& question);

  test::TemporaryFolder folder_;
  ChildProcess process_;
  Json about_;
};

/// What gives MONAI its best memory allocator: jemalloc with huge pages.
std::map<std::string, std::string> jemalloc_environment();

}  // namespace voxd::bench
