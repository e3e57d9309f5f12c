#include "server/job_queue.h"

#include <algorithm>
#include <utility>

namespace voxd {
namespace {

void refuse_dead(const std::vector<std::shared_ptr<Job>>& jobs, Clock::time_point now) {
  for (const std::shared_ptr<Job>& job : jobs) {
    if (job->deadline && *job->deadline <= now) {
      job->refuse(Error(Code::deadline_exceeded, "job: its deadline passed while it waited in the queue"));
    } else {
      job->refuse(Error(Code::cancelled, "job: cancelled by the caller while it waited in the queue"));
    }
  }
}

}  // namespace

JobQueue::JobQueue(Limits limits) : limits_(std::move(limits)), order_(limits_.aging) {}

JobQueue::~JobQueue() {
  for (const WaitingJob& one : waiting_)
    one.job->refuse(Error(Code::unavailable, "job: the server stopped while it waited in the queue"));
}

void JobQueue::push(std::shared_ptr<Job> job) {
  if (job == nullptr || job->bytes < 0) fail(Code::internal, "queue: a job without content");
  Jobs dead;
  std::optional<Error> full;
  {
    std::unique_lock lock(mutex_);
    if (closed_) fail(Code::unavailable, "queue: closed, the server is stopping");
    // Only a full queue is searched: else the timer and the workers find the dead soon enough.
    if (why_full(*job)) dead = take_dead(limits_.now());
    full = why_full(*job);
    if (!full) insert(std::move(job));
    settle(lock, dead);
  }
  refuse_dead(dead, limits_.now());
  if (full) throw *full;
}

std::shared_ptr<Job> JobQueue::pop() {
  for (;;) {
    Jobs dead;
    std::shared_ptr<Job> job;
    bool last = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] {
        dead = take_dead(limits_.now());
        return !dead.empty() || (closed_ && waiting_.empty()) || next_to_run() != nullptr;
      });
      last = closed_ && waiting_.empty();
      Jobs leaving = dead;
      if (const WaitingJob* const next = next_to_run()) {
        order_.handed_out(next->traits);
        running_.push_back({next->job.get(), next->traits.model, limits_.now(), next->traits.seconds});
        leaving.push_back(job = take(next));
      }
      settle(lock, leaving);
    }
    refuse_dead(dead, limits_.now());
    if (job || last) return job;
  }
}

void JobQueue::done(const Job& job) {
  const std::lock_guard lock(mutex_);
  std::erase_if(running_, [&job](const Running& one) { return one.job == &job; });
  changed_.notify_all();
}

std::optional<Clock::time_point> JobQueue::refuse_expired(Clock::time_point now) {
  std::unique_lock lock(mutex_);
  const Jobs dead = take_dead(now);
  settle(lock, dead);
  const std::optional<Clock::time_point> next = next_deadline();
  lock.unlock();
  refuse_dead(dead, now);
  return next;
}

bool JobQueue::wait_for_change(std::optional<Clock::time_point> until) {
  std::unique_lock lock(mutex_);
  const auto finished = [this] { return closed_ && waiting_.empty(); };
  const auto worthwhile = [&] {
    const std::optional<Clock::time_point> next = next_deadline();
    return finished() || (next && (!until || *next < *until));
  };
  if (until) {
    changed_.wait_until(lock, *until, worthwhile);
  } else {
    changed_.wait(lock, worthwhile);
  }
  return !finished();
}

bool JobQueue::remove(const Job& job, const Error& why) {
  Jobs leaving;
  {
    std::unique_lock lock(mutex_);
    const auto entry =
        std::find_if(waiting_.begin(), waiting_.end(), [&](const WaitingJob& one) { return one.job.get() == &job; });
    if (entry == waiting_.end()) return false;
    leaving.push_back(take(&*entry));
    settle(lock, leaving);
  }
  leaving.front()->refuse(why);
  return true;
}

double JobQueue::expected_wait(const JobTraits& traits) const {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = limits_.now();
  std::vector<WaitingJob> waiting = waiting_;
  waiting.push_back({nullptr, traits, now, next_arrival_, -1});
  WaitForecast forecast = forecast_of_running(now);
  for (const WaitingJob* one : order_.of(waiting, now)) {
    const double start = forecast.start(one->traits);
    if (!one->job) return start;
  }
  return 0;
}

double JobQueue::work_seconds() const {
  const std::lock_guard lock(mutex_);
  double sum = 0;
  for (const WaitingJob& one : waiting_) sum += one.traits.seconds;
  for (const Running& one : running_) sum += one.left(limits_.now());
  return sum;
}

void JobQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

std::size_t JobQueue::size() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

std::int64_t JobQueue::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

double JobQueue::Running::left(Clock::time_point now) const {
  return std::max(0.0, seconds - std::chrono::duration<double>(now - started).count());
}

std::optional<Error> JobQueue::why_full(const JobTraits& traits) const {
  if (waiting_.size() >= limits_.jobs)
    return Error(Code::resource_exhausted,
                 "queue: " + std::to_string(waiting_.size()) + " jobs wait, at most " + std::to_string(limits_.jobs));
  if (traits.bytes > limits_.bytes - bytes_)
    return Error(Code::resource_exhausted, "queue: the job holds " + std::to_string(traits.bytes) +
                                               " bytes, the waiting ones " + std::to_string(bytes_) + ", at most " +
                                               std::to_string(limits_.bytes) + " together");
  if (traits.most_waiting > 0) {
    const auto same_model = [&](const WaitingJob& one) { return one.traits.model == traits.model; };
    const auto count = std::count_if(waiting_.begin(), waiting_.end(), same_model);
    if (count >= traits.most_waiting)
      return Error(Code::resource_exhausted, "queue: " + std::to_string(count) + " jobs of model '" + traits.model +
                                                 "' wait, at most " + std::to_string(traits.most_waiting));
  }
  return std::nullopt;
}

void JobQueue::insert(std::shared_ptr<Job> job) {
  bytes_ += job->bytes;
  JobTraits traits = *job;
  waiting_.push_back({std::move(job), std::move(traits), limits_.now(), next_arrival_++, -1});
  places_changed_ = true;
  changed_.notify_all();
}

std::shared_ptr<Job> JobQueue::take(const WaitingJob* entry) {
  const auto place = waiting_.begin() + (entry - waiting_.data());
  std::shared_ptr<Job> job = std::move(place->job);
  bytes_ -= place->traits.bytes;
  waiting_.erase(place);
  places_changed_ = true;
  if (closed_ && waiting_.empty()) changed_.notify_all();
  return job;
}

const WaitingJob* JobQueue::next_to_run() const {
  for (const WaitingJob* one : order_.of(waiting_, limits_.now()))
    if (may_run(*one)) return one;
  return nullptr;
}

bool JobQueue::may_run(const WaitingJob& waiting) const {
  if (waiting.traits.most_running == 0) return true;
  const auto same_model = [&](const Running& one) { return one.model == waiting.traits.model; };
  return std::count_if(running_.begin(), running_.end(), same_model) < waiting.traits.most_running;
}

JobQueue::Jobs JobQueue::take_dead(Clock::time_point now) {
  Jobs dead;
  for (std::size_t i = 0; i < waiting_.size();) {
    if (waiting_[i].deadline() <= now || waiting_[i].job->cancel.cancelled()) {
      dead.push_back(take(&waiting_[i]));
    } else {
      ++i;
    }
  }
  return dead;
}

std::optional<Clock::time_point> JobQueue::next_deadline() const {
  Clock::time_point next = Clock::time_point::max();
  for (const WaitingJob& one : waiting_) next = std::min(next, one.deadline());
  if (next == Clock::time_point::max()) return std::nullopt;
  return next;
}

WaitForecast JobQueue::forecast_of_running(Clock::time_point now) const {
  WaitForecast forecast(limits_.workers);
  for (const Running& one : running_) forecast.running(one.model, one.left(now));
  return forecast;
}

/// After a change: nobody in `leaving` is being told its place any more, and those who stay are told theirs.
void JobQueue::settle(std::unique_lock<std::mutex>& lock, const Jobs& leaving) {
  order_.tidy(waiting_);
  const auto is_told = [this](const std::shared_ptr<Job>& job) { return job.get() == being_told_; };
  changed_.wait(lock, [&] {
    return teller_ == std::this_thread::get_id() || std::none_of(leaving.begin(), leaving.end(), is_told);
  });
  tell_places(lock);
}

/// False if the job, which waits, has been told so before.
bool JobQueue::note_told(const Job& job, int position) {
  const auto entry =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const WaitingJob& one) { return one.job.get() == &job; });
  return std::exchange(entry->told_position, position) != position;
}

/// One thread tells everybody, round after round until nothing has changed meanwhile; whoever changes the queue in
/// between leaves it to that thread. So a job never hears an old position after a newer one.
void JobQueue::tell_places(std::unique_lock<std::mutex>& lock) {
  if (teller_ != std::thread::id{}) return;
  teller_ = std::this_thread::get_id();
  while (std::exchange(places_changed_, false)) {
    const Clock::time_point now = limits_.now();
    WaitForecast forecast = forecast_of_running(now);
    std::vector<std::pair<std::shared_ptr<Job>, QueuePlace>> places;
    for (const WaitingJob* one : order_.of(waiting_, now))
      places.push_back({one->job, {static_cast<int>(places.size()), forecast.start(one->traits)}});
    for (auto next = places.begin(); next != places.end() && !places_changed_; ++next) {
      if (!note_told(*next->first, next->second.position)) continue;
      being_told_ = next->first.get();
      lock.unlock();
      next->first->queued_at(next->second);
      lock.lock();
      being_told_ = nullptr;
      changed_.notify_all();
    }
  }
  teller_ = {};
}

}  // namespace voxd
