#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gpu_transforms/invert.h"
#include "gpu_transforms/job_context.h"
#include "models/memory_plan.h"
#include "models/params.h"

namespace voxd {

/// MONAI's data dictionary: volumes under their keys, each with the spatial transforms that it went through, and what
/// was marked for return. V is DeviceVolume in a run and PlannedVolume in a plan.
template <class V>
struct BasicDictionary {
  struct Item {
    V volume;
    SpatialTrace trace;
  };
  std::map<std::string, Item, std::less<>> items;
  std::vector<std::pair<std::string, V>> outputs;

  Item& at(std::string_view key) {
    const auto found = items.find(key);
    if (found == items.end()) fail(Code::internal, "the chain has no item '", key, "' here");
    return found->second;
  }
};
using Dictionary = BasicDictionary<DeviceVolume>;
using PlannedDictionary = BasicDictionary<PlannedVolume>;

/// One transform of a bundle with its parameters, under MONAI's name. Immutable; safe from any thread.
class Step {
 public:
  Step(std::string name, std::vector<std::string> keys) : name_(std::move(name)), keys_(std::move(keys)) {}
  virtual ~Step() = default;

  const std::string& name() const { return name_; }
  /// The items that it changes.
  const std::vector<std::string>& keys() const { return keys_; }
  /// Items that must exist although they stay as they are.
  virtual std::vector<std::string> needs() const { return {}; }
  /// Items whose voxels it looks at; the voxels of others may be gone by then (their traces are not).
  virtual std::vector<std::string> reads() const { return keys_; }
  /// True if voxels end up elsewhere than they were, on another grid perhaps.
  virtual bool moves_voxels() const { return false; }
  /// Items that it adds.
  virtual std::vector<std::string> adds() const { return {}; }

  /// Enqueues the work on the context's stream. Throws what the transform throws.
  virtual void apply(Dictionary& dictionary, JobContext& context) const = 0;
  /// What apply() does to shapes and memory. An unknown size counts as the largest that it can be.
  virtual void plan(PlannedDictionary& dictionary, MemoryPlan& plan) const = 0;

 private:
  std::string name_;
  std::vector<std::string> keys_;
};

using Steps = std::vector<std::unique_ptr<const Step>>;

/// The step that a component with a MONAI dictionary transform's name describes.
/// Throws Error{unimplemented} naming a transform or parameter that is not supported, Error{invalid_argument} on a
/// wrong value.
std::unique_ptr<const Step> make_step(Params params);

/// Names of all transforms that there are steps for, in alphabetical order.
std::vector<std::string> supported_steps();

}  // namespace voxd
