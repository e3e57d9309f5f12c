#pragma once

#include <functional>
#include <thread>

#include "models/repository.h"
#include "server/job.h"
#include "server/model_changes.h"

namespace voxd {

/// The thread that loads and unloads models while others serve: takes one change after the other and answers it when it
/// is made. Started by the constructor. The destructor closes `changes` and waits for the one under way. One owner.
class ModelLoader {
 public:
  struct Hooks {
    std::function<void()> on_start;  ///< called first by the thread: caps libtorch's threads
    std::function<void(const ModelChange&, bool done)> changed;  ///< called after each change, before its answer
  };
  /// `resources`: what a model is warmed up with before it serves.
  ModelLoader(ModelChanges& changes, ModelRepository& models, WorkerResources resources, Hooks hooks);
  ~ModelLoader();
  ModelLoader(const ModelLoader&) = delete;

 private:
  void make_changes();
  void make(const ModelChange& change);

  ModelChanges& changes_;
  ModelRepository& models_;
  WorkerResources resources_;  // used by the thread alone
  const Hooks hooks_;
  std::jthread thread_;  // last: joined before what it uses goes away
};

}  // namespace voxd
