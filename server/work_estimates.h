#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace voxd {

/// How long jobs take, learnt from those that ran: per model and size of what came over the wire, in powers of two, an
/// average in which the last few jobs count most. Safe from any thread.
class WorkEstimates {
 public:
  /// A job of that many bytes took that long on its worker.
  void record(const std::string& model, std::int64_t bytes, double seconds);
  /// Seconds, in proportion from the nearest size that the model has run; 0 if it has run none.
  double of(const std::string& model, std::int64_t bytes) const;

 private:
  struct Average {
    double bytes = 0, seconds = 0;
  };
  using Sizes = std::map<int, Average>;  // by the bytes' power of two

  mutable std::mutex mutex_;
  std::map<std::string, Sizes> models_;  // guarded by mutex_
};

}  // namespace voxd
