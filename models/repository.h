#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "models/pipeline.h"

namespace voxd {

/// One version of one model: its folder's number where the model has numbered folders, else "1".
struct Model {
  std::string name;
  std::string version;
  std::shared_ptr<const Pipeline> pipeline;
};

struct ModelStatus {
  std::string name, version;
  bool ready = false;
  std::string reason;  ///< why not, one line
};

/// A folder of bundles. A bundle that cannot be loaded does not keep the others from serving: its status says why.
/// Safe from any thread; a model that a job holds stays alive whatever happens to the repository.
class ModelRepository {
 public:
  struct Options {
    std::vector<std::string> only;  ///< load these names; empty: every folder with a configs/ in it
    int device = -1;
  };
  /// Loads everything, now. Throws Error{not_found} when the folder does not exist or a name of `only` is not in it.
  ModelRepository(std::filesystem::path folder, Options options);
  /// For tests: serves these.
  explicit ModelRepository(std::vector<Model> models);

  /// version "": the newest. Throws Error{not_found} ("Request for unknown model: 'x' is not found") or
  /// Error{unavailable} (known, not ready, with the reason).
  std::shared_ptr<const Model> find(const std::string& name, const std::string& version = "") const;
  std::vector<ModelStatus> list() const;
  /// True when every model is.
  bool ready() const;

 private:
  struct Entry {
    ModelStatus status;
    std::shared_ptr<const Model> model;
  };
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;  // guarded by mutex_
};

}  // namespace voxd
