#pragma once

#include <chrono>
#include <compare>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "models/network_probe.h"
#include "models/pipeline.h"
#include "models/repository_scan.h"

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
  std::string reason;              ///< why not, one line; of a ready one: why what is now in its folder was refused
  std::vector<std::string> notes;  ///< what was decided about the network of what serves, a line each
};

/// A folder of bundles (folders, or .ts files that carry their configs), loaded. A bundle that cannot be loaded does
/// not keep the others from serving: its status says why. Models can be loaded and unloaded while others, and what
/// served before, go on serving. Safe from any thread: find(), list() and ready() never wait for a load; changes wait
/// for each other. A model that a job holds stays alive whatever happens to the repository.
class ModelRepository {
 public:
  struct Options {
    std::vector<std::string> only;  ///< load these names; empty: every folder with a configs/ in it and every .ts file
    int device = -1;
    std::vector<std::filesystem::path> files = {};  ///< .ts files that are bundles, beside those of the folder
    std::chrono::milliseconds probe_limit{0};       ///< what a network may take to load in a process of its own first
                                                    ///< (NetworkProbe); 0: it is loaded into this one at once
  };
  /// Called with what was loaded before it serves, on the thread that loads (warm-up). What it throws refuses the
  /// model.
  using Prepare = std::function<void(const Model&)>;

  /// Loads everything, now. Throws Error{not_found} when the folder or a file does not exist, or a name of `only` is
  /// not in the folder. An empty folder name is none.
  ModelRepository(std::filesystem::path folder, Options options);
  /// For tests: serves these.
  explicit ModelRepository(std::vector<Model> models);

  /// version "": the newest. Throws Error{not_found} ("Request for unknown model: 'x' is not found") or
  /// Error{unavailable} (known, not ready, with the reason).
  std::shared_ptr<const Model> find(const std::string& name, const std::string& version = "") const;
  /// By name and version.
  std::vector<ModelStatus> list() const;
  /// True when every model is.
  bool ready() const;

  /// Brings one model to what the folder has now: versions that are new, changed or not ready are loaded, those that
  /// have gone are forgotten. What cannot be loaded leaves serving what served before under that version. Throws
  /// Error{not_found} when the folder has no such model, and Error{failed_precondition} with the reason when its newest
  /// version is not what serves under it.
  void load(const std::string& name, const Prepare& prepare = {});
  /// From now on the model answers "not ready", until it is loaded by name. Jobs that have it finish. Throws
  /// Error{not_found} for a name that is not known.
  void unload(const std::string& name);
  /// load() for all models, and those that have gone are forgotten; one that was unloaded stays so. What cannot be
  /// loaded is said in list(). Throws Error{not_found} when the folder is gone, and changes nothing then.
  void rescan(const Prepare& prepare = {});

 private:
  struct Key {
    std::string name;
    std::int64_t number;
    std::string version;
    auto operator<=>(const Key&) const = default;
  };
  struct Entry {
    ModelStatus status;
    std::shared_ptr<const Model> model;  // what serves
    std::string fingerprint;             // of the files that it was loaded from
    bool unloaded = false;
  };
  static Key key_of(const Deployment& found) { return {found.name, found.number, found.version}; }

  std::vector<Deployment> scan() const;
  std::shared_ptr<const Pipeline> load_pipeline(const Deployment& found) const;
  void bring_up(const Deployment& found, const Prepare& prepare);
  Entry load_again(const Deployment& found, Entry old, const Prepare& prepare) const;
  void forget(const std::function<bool(const Key&)>& gone);
  bool is_unloaded(const std::string& name) const;
  ModelStatus status_of(const Key& key) const;

  const std::filesystem::path folder_;
  const Options options_;
  const std::unique_ptr<NetworkProbe> probe_;  // null: none
  std::mutex changing_;                        // held through load(), unload() and rescan(); taken before mutex_
  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;  // guarded by mutex_; changed by who holds changing_
};

}  // namespace voxd
