#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/steps/step.h"

// What steps on one item at a time share.
namespace voxd {

/// A step that does the same thing to each of its keys, apart from parameters that MONAI takes per key.
class KeyedStep : public Step {
 public:
  using Step::Step;
  void apply(Dictionary& dictionary, JobContext& context) const final;
  void plan(PlannedDictionary& dictionary, MemoryPlan& plan) const final;

 protected:
  /// `index`: which of keys() it is.
  virtual void apply_to(Dictionary::Item& item, std::size_t index, Workspace& workspace) const = 0;
  virtual void plan_for(PlannedDictionary::Item& item, std::size_t index, MemoryPlan& plan) const = 0;
};

/// As float32: nothing new if it is that already.
PlannedVolume as_float32(const PlannedVolume& volume, MemoryPlan& plan);

}  // namespace voxd
