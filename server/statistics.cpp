#include "server/statistics.h"

#include <chrono>
#include <cmath>
#include <numeric>

namespace voxd {

void ModelCounts::Duration::add(double milliseconds) {
  ++count;
  ns += static_cast<std::uint64_t>(std::llround(milliseconds * 1e6));
}

void Statistics::record_success(const std::string& model, const std::string& version, const StageTimes& stage_ms) {
  const auto ms = [&stage_ms](Stage stage) { return stage_ms[static_cast<std::size_t>(stage)]; };
  const std::lock_guard lock(mutex_);
  ModelCounts& counts = counts_[{model, version}];
  counts.success.add(std::accumulate(stage_ms.begin(), stage_ms.end(), 0.0));
  counts.queue.add(ms(Stage::queue));
  counts.compute_input.add(ms(Stage::decode) + ms(Stage::pre));
  counts.compute_infer.add(ms(Stage::network));
  counts.compute_output.add(ms(Stage::post) + ms(Stage::encode));
  using std::chrono::system_clock;
  counts.last_inference_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(system_clock::now().time_since_epoch()).count();
}

void Statistics::record_failure(const std::string& model, const std::string& version, double elapsed_ms) {
  const std::lock_guard lock(mutex_);
  counts_[{model, version}].fail.add(elapsed_ms);
}

ModelCounts Statistics::of(const std::string& model, const std::string& version) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find({model, version});
  return found == counts_.end() ? ModelCounts{} : found->second;
}

}  // namespace voxd
