#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gpu_transforms/remap.h"
#include "models/steps/keyed_step.h"

// Lambdad: Python functions that are known by their text. None is ever evaluated as Python.
namespace voxd {

/// lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, 0))
struct WhereLambda {
  std::vector<ChannelLabel> rules;
  std::int32_t otherwise = 0;
};
/// lambda x: torch.nan_to_num(x, nan=255)
struct NanLambda {
  double value = 0;
};
/// lambda x: x[1:]
struct ChannelsLambda {
  std::int32_t first = 0;
};
using Lambda = std::variant<WhereLambda, NanLambda, ChannelsLambda>;

/// The function of that text. Throws Error{unimplemented} saying which there are for any other.
Lambda parse_lambda(const std::string& text);

class Lambdad final : public KeyedStep {
 public:
  Lambdad(std::vector<std::string> keys, Lambda function)
      : KeyedStep("Lambdad", std::move(keys)), func(std::move(function)) {}
  const Lambda func;

 private:
  void apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const override;
};

}  // namespace voxd
