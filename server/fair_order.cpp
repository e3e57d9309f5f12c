#include "server/fair_order.h"

#include <algorithm>
#include <deque>
#include <map>
#include <queue>
#include <string_view>
#include <tuple>
#include <unordered_set>

namespace voxd {
namespace {

// Names are the clients' own to choose, so that there may be any number of them.
constexpr std::size_t kMostRemembered = 4096;

// Work of an unknown size counts as this much, so that its clients take turns as well.
constexpr double kUnknownSeconds = 1;

double cost(const JobTraits& traits) { return traits.seconds > 0 ? traits.seconds : kUnknownSeconds; }

}  // namespace

/// How much work each client would have been given after a job of it was handed out, then the next.
struct FairOrder::Forecast {
  const FairOrder& order;
  double now_served;
  std::unordered_map<std::string_view, double> served_until;  // of the clients that were served since

  double start_of(std::string_view client) const {
    if (const auto here = served_until.find(client); here != served_until.end())
      return std::max(here->second, now_served);
    const auto before = order.served_until_.find(std::string(client));
    return before == order.served_until_.end() ? now_served : std::max(before->second, now_served);
  }
  void hand_out(const JobTraits& traits) {
    now_served = start_of(traits.client);
    served_until[traits.client] = now_served + cost(traits);
  }
};

/// The clients of one level, each with its jobs in order. Serving one moves it back behind those that had less.
struct FairOrder::Turns {
  struct Client {
    double start;  // seconds of work at which its next job starts
    std::deque<const WaitingJob*> jobs;
  };
  struct Later {
    bool operator()(const Client* a, const Client* b) const {
      const auto key = [](const Client& client) {
        const WaitingJob& next = *client.jobs.front();
        return std::tuple(client.start, next.deadline(), next.arrival);
      };
      return key(*a) > key(*b);
    }
  };
  std::map<std::string_view, Client> clients;

  void append_to(std::vector<const WaitingJob*>& order, Forecast& forecast) {
    std::priority_queue<Client*, std::vector<Client*>, Later> heap;
    for (auto& [name, client] : clients) heap.push(&client);
    while (!heap.empty()) {
      Client* const client = heap.top();
      heap.pop();
      const WaitingJob* const next = client->jobs.front();
      order.push_back(next);
      forecast.hand_out(next->traits);
      client->jobs.pop_front();
      client->start += cost(next->traits);
      if (!client->jobs.empty()) heap.push(client);
    }
  }
};

std::vector<const WaitingJob*> FairOrder::of(const std::vector<WaitingJob>& waiting, Clock::time_point now) const {
  std::map<std::int64_t, std::vector<const WaitingJob*>, std::greater<>> levels;
  for (const WaitingJob& one : waiting) levels[level(one, now)].push_back(&one);
  std::vector<const WaitingJob*> order;
  order.reserve(waiting.size());
  Forecast forecast{*this, now_served_, {}};
  for (auto& [number, jobs] : levels) {
    std::sort(jobs.begin(), jobs.end(), [](const WaitingJob* a, const WaitingJob* b) {
      return std::tuple(a->deadline(), a->arrival) < std::tuple(b->deadline(), b->arrival);
    });
    Turns turns;
    for (const WaitingJob* one : jobs)
      turns.clients.try_emplace(one->traits.client, Turns::Client{forecast.start_of(one->traits.client), {}})
          .first->second.jobs.push_back(one);
    turns.append_to(order, forecast);
  }
  return order;
}

void FairOrder::handed_out(const JobTraits& traits) {
  double& until = served_until_[traits.client];
  const double start = std::max(until, now_served_);
  now_served_ = start;
  until = start + cost(traits);
}

void FairOrder::tidy(const std::vector<WaitingJob>& waiting) {
  if (waiting.empty()) {
    served_until_.clear();
    now_served_ = 0;
    return;
  }
  std::erase_if(served_until_, [this](const auto& client) { return client.second <= now_served_; });
  if (served_until_.size() <= kMostRemembered) return;
  std::unordered_set<std::string_view> here;
  for (const WaitingJob& one : waiting) here.insert(one.traits.client);
  std::erase_if(served_until_, [&here](const auto& client) { return !here.contains(client.first); });
}

std::int64_t FairOrder::level(const WaitingJob& waiting, Clock::time_point now) const {
  if (aging_ <= Clock::duration::zero() || now <= waiting.pushed) return waiting.traits.priority;
  return waiting.traits.priority + static_cast<std::int64_t>((now - waiting.pushed) / aging_);
}

}  // namespace voxd
