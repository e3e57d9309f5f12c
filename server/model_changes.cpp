#include "server/model_changes.h"

#include <utility>

namespace voxd {

std::string_view name_of(ModelChange::Kind kind) {
  switch (kind) {
    case ModelChange::Kind::load: return "load";
    case ModelChange::Kind::unload: return "unload";
    case ModelChange::Kind::rescan: return "rescan";
  }
  return "unknown";
}

void ModelChanges::push(ModelChange change) {
  const std::lock_guard lock(mutex_);
  if (closed_) fail(Code::unavailable, "the server is stopping and changes no models");
  if (waiting_.size() >= most_waiting)
    fail(Code::resource_exhausted, "loading and unloading: ", waiting_.size(), " requests wait, at most ",
         most_waiting);
  waiting_.push_back(std::move(change));
  changed_.notify_one();
}

std::optional<ModelChange> ModelChanges::pop() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
  if (closed_) return std::nullopt;
  ModelChange change = std::move(waiting_.front());
  waiting_.pop_front();
  return change;
}

void ModelChanges::close() {
  std::deque<ModelChange> refused;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    refused.swap(waiting_);
    changed_.notify_all();
  }
  const Error stopping(Code::unavailable, "the server is stopping and changes no models");
  for (const ModelChange& change : refused) change.answer(&stopping);
}

}  // namespace voxd
