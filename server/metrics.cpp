#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <utility>

namespace voxd {
namespace {

// From a small image's crop to a whole-body network without a GPU.
const prometheus::Histogram::BucketBoundaries kSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                       0.5,   1,      2.5,   5,    10,    25,   60,  180};

std::string text_of(std::string_view text) { return std::string(text); }

}  // namespace

class Metrics::Impl {
 public:
  explicit Impl(const std::string& version) {
    gauge("voxd_build_info", "Always 1; the version stands in the label.").Add({{"version", version}}).Set(1);
  }

  prometheus::Family<prometheus::Counter>& counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
  }
  prometheus::Family<prometheus::Gauge>& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry_);
  }
  prometheus::Family<prometheus::Histogram>& histogram(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry_);
  }

  prometheus::Registry registry_{prometheus::Registry::InsertBehavior::Throw};
  prometheus::Family<prometheus::Counter>& calls_ =
      counter("voxd_calls_total", "Calls that have ended, by RPC and gRPC status.");
  prometheus::Family<prometheus::Counter>& refused_ =
      counter("voxd_calls_refused_total", "Calls that were refused before their image was read, by reason.");
  prometheus::Family<prometheus::Counter>& early_ = counter(
      "voxd_calls_ended_early_total", "Calls that were cancelled, expired or failed, by the stage in which they were.");
  prometheus::Counter& received_ = counter("voxd_received_bytes_total", "Bytes of images that came.").Add({});
  prometheus::Counter& sent_ = counter("voxd_sent_bytes_total", "Bytes of results that were sent.").Add({});
  prometheus::Family<prometheus::Histogram>& stages_ =
      histogram("voxd_stage_seconds", "Time of each stage of the jobs that succeeded, by model.");
  prometheus::Histogram& wait_error_ =
      histogram("voxd_wait_estimate_error_seconds",
                "By how much the wait in the queue differed from what was estimated when the job came.")
          .Add({}, kSeconds);
  prometheus::Family<prometheus::Counter>& model_changes_ =
      counter("voxd_model_changes_total", "Loads, unloads and rescans of models, by kind and outcome.");

  std::mutex scraping_;  // held while the gauges are set and read
  prometheus::Gauge& calls_now_ = gauge("voxd_calls_in_flight", "Calls that are admitted and not ended.").Add({});
  prometheus::Gauge& call_bytes_ =
      gauge("voxd_calls_in_flight_bytes", "Bytes of images that they brought or announced.").Add({});
  prometheus::Gauge& queued_jobs_ = gauge("voxd_queue_jobs", "Jobs that wait.").Add({});
  prometheus::Gauge& queued_bytes_ = gauge("voxd_queue_bytes", "Bytes that they hold.").Add({});
  prometheus::Gauge& work_ =
      gauge("voxd_queue_work_seconds", "Estimated work of the jobs that wait or run, on one worker.").Add({});
  prometheus::Gauge& running_ = gauge("voxd_jobs_running", "Jobs in a worker's hands.").Add({});
  prometheus::Gauge& streams_ = gauge("voxd_streams_idle", "Streams of the device that no job has leased.").Add({});
  prometheus::Family<prometheus::Gauge>& pools_ =
      gauge("voxd_memory_pool_bytes", "Memory of the server's pools, in use or kept for reuse.");
  prometheus::Family<prometheus::Gauge>& budget_used_ =
      gauge("voxd_memory_budget_used_bytes", "Working memory that is promised to the jobs that run.");
  prometheus::Family<prometheus::Gauge>& budgets_ =
      gauge("voxd_memory_budget_bytes", "Working memory that jobs may have together; 0: no limit.");
  prometheus::Family<prometheus::Gauge>& models_ = gauge("voxd_model_ready", "1 where the model answers.");
  std::vector<prometheus::Gauge*> known_models_;
};

Metrics::Metrics(const std::string& version) : impl_(std::make_unique<Impl>(version)) {}
Metrics::~Metrics() = default;

void Metrics::call_ended(std::string_view rpc, std::string_view outcome, std::int64_t bytes_in,
                         std::int64_t bytes_out) {
  impl_->calls_.Add({{"rpc", text_of(rpc)}, {"code", text_of(outcome)}}).Increment();
  impl_->received_.Increment(static_cast<double>(bytes_in));
  impl_->sent_.Increment(static_cast<double>(bytes_out));
}

void Metrics::call_refused(std::string_view reason) { impl_->refused_.Add({{"reason", text_of(reason)}}).Increment(); }

void Metrics::job_done(const std::string& model, const StageTimes& stage_ms, double wait_error_seconds) {
  for (int i = 0; i < kStages; ++i)
    impl_->stages_.Add({{"model", model}, {"stage", text_of(name_of(static_cast<Stage>(i)))}}, kSeconds)
        .Observe(stage_ms[static_cast<std::size_t>(i)] / 1000);
  impl_->wait_error_.Observe(wait_error_seconds);
}

void Metrics::ended_early(std::string_view cause, std::string_view stage) {
  impl_->early_.Add({{"cause", text_of(cause)}, {"stage", text_of(stage)}}).Increment();
}

void Metrics::model_changed(std::string_view kind, bool done) {
  impl_->model_changes_.Add({{"kind", text_of(kind)}, {"outcome", done ? "done" : "failed"}}).Increment();
}

std::string Metrics::text(const ServerState& now) {
  const std::lock_guard lock(impl_->scraping_);
  impl_->calls_now_.Set(now.calls);
  impl_->call_bytes_.Set(static_cast<double>(now.call_bytes));
  impl_->queued_jobs_.Set(static_cast<double>(now.queued_jobs));
  impl_->queued_bytes_.Set(static_cast<double>(now.queued_bytes));
  impl_->work_.Set(now.work_seconds);
  impl_->running_.Set(now.running_jobs);
  impl_->streams_.Set(now.idle_streams);
  for (const ServerState::Pool& pool : now.pools) {
    impl_->pools_.Add({{"pool", text_of(pool.name)}, {"state", "in_use"}}).Set(static_cast<double>(pool.in_use));
    impl_->pools_.Add({{"pool", text_of(pool.name)}, {"state", "cached"}}).Set(static_cast<double>(pool.cached));
  }
  for (const ServerState::Budget& budget : now.budgets) {
    impl_->budget_used_.Add({{"memory", text_of(budget.name)}}).Set(static_cast<double>(budget.used));
    impl_->budgets_.Add({{"memory", text_of(budget.name)}}).Set(static_cast<double>(budget.total));
  }
  for (prometheus::Gauge* const gauge : std::exchange(impl_->known_models_, {})) impl_->models_.Remove(gauge);
  for (const ServerState::ModelState& model : now.models) {
    prometheus::Gauge& gauge = impl_->models_.Add({{"model", model.name}, {"version", model.version}});
    gauge.Set(model.ready ? 1 : 0);
    impl_->known_models_.push_back(&gauge);
  }
  return prometheus::TextSerializer().Serialize(impl_->registry_.Collect());
}

}  // namespace voxd
