#include "server/workers.h"

#include <utility>

namespace voxd {

Workers::Workers(JobQueue& queue, WorkerResources resources, Options options)
    : queue_(queue), resources_(std::move(resources)), options_(std::move(options)) {
  if (options_.count < 1) fail(Code::invalid_argument, "workers: ", options_.count, ", at least 1");
  try {
    threads_.emplace_back([this] { answer_expired(); });
    for (int i = 0; i < options_.count; ++i) threads_.emplace_back([this] { run_jobs(); });
  } catch (...) {
    queue_.close();  // else those that did start would wait for ever
    throw;
  }
}

Workers::~Workers() { queue_.close(); }

int Workers::running() const { return running_.load(); }

void Workers::run_jobs() {
  if (options_.on_start) options_.on_start();
  WorkerResources resources = resources_;
  while (const std::shared_ptr<Job> job = queue_.pop()) {
    ++running_;
    job->run(resources);
    queue_.done(*job);
    --running_;
  }
}

void Workers::answer_expired() {
  while (queue_.wait_for_change(queue_.refuse_expired())) {
  }
}

}  // namespace voxd
