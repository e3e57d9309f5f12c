#include "server/wait_forecast.h"

#include <algorithm>

namespace voxd {

WaitForecast::WaitForecast(int workers) : workers_(static_cast<std::size_t>(std::max(workers, 1)), 0.0) {}

void WaitForecast::running(const std::string& model, double seconds_left) {
  if (busy_ == workers_.size()) workers_.push_back(0);
  workers_[busy_++] = seconds_left;
  ends_[model].push_back(seconds_left);
}

double WaitForecast::start(const JobTraits& job) {
  const double earliest = model_free(job);
  // The one that is free last before `earliest`, or the first one after.
  const auto is_better = [earliest](double a, double b) {
    const bool a_waits = a <= earliest, b_waits = b <= earliest;
    if (a_waits != b_waits) return a_waits;
    return a_waits ? a > b : a < b;
  };
  double& worker = *std::min_element(workers_.begin(), workers_.end(), is_better);
  const double start = std::max(worker, earliest);
  worker = start + job.seconds;
  if (job.most_running > 0) ends_[job.model].push_back(worker);
  return start;
}

/// When fewer of the model's jobs run than may: of as many as may, those that end last, the first has ended.
double WaitForecast::model_free(const JobTraits& job) {
  if (job.most_running <= 0) return 0;
  std::vector<double>& ends = ends_[job.model];
  const auto most = static_cast<std::size_t>(job.most_running);
  while (ends.size() > most) ends.erase(std::min_element(ends.begin(), ends.end()));
  return ends.size() < most ? 0 : *std::min_element(ends.begin(), ends.end());
}

}  // namespace voxd
