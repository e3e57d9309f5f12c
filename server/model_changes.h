#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "gpu_transforms/volume/error.h"

namespace voxd {

/// A change of what is served, and who wants to know what came of it.
struct ModelChange {
  enum class Kind { load, unload, rescan };
  /// Null: done. Called once, from any thread; must not block.
  using Answer = std::function<void(const Error* why_not)>;

  Kind kind = Kind::rescan;
  std::string model;  ///< empty for a rescan
  Answer answer;
};

std::string_view name_of(ModelChange::Kind kind);

/// Changes that were asked for and wait for the thread that makes them (ModelLoader), in order. Safe from any thread.
class ModelChanges {
 public:
  static constexpr std::size_t most_waiting = 16;

  /// Throws at once, and does not answer: Error{resource_exhausted} when too many wait, Error{unavailable} once closed.
  void push(ModelChange change);
  /// Waits for a change. Empty once closed.
  std::optional<ModelChange> pop();
  /// No more changes; those that wait are answered with Error{unavailable}.
  void close();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ModelChange> waiting_;  // this and the rest guarded by mutex_
  bool closed_ = false;
};

}  // namespace voxd
