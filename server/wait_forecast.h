#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "server/job.h"

namespace voxd {

/// When jobs will start, by their estimated seconds, on so many workers and with no more jobs of a model at once than
/// it allows. Told first what runs, then what waits, in the order in which it leaves the queue. Times are seconds from
/// now. Not synchronised: made, used and dropped in one place.
class WaitForecast {
 public:
  explicit WaitForecast(int workers);

  /// A job of that model runs, for so long.
  void running(const std::string& model, double seconds_left);
  /// When this job starts, behind those before it. A job whose model is busy waits for that, on the worker that is free
  /// last before then: the others go on with what comes behind.
  double start(const JobTraits& job);

 private:
  double model_free(const JobTraits& job);

  std::vector<double> workers_;                                // when each is free
  std::size_t busy_ = 0;                                       // of them, by running()
  std::unordered_map<std::string, std::vector<double>> ends_;  // of the latest jobs of each model
};

}  // namespace voxd
