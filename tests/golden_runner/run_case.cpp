#include "tests/golden_runner/run.h"

namespace voxd::golden {
namespace {

const Runners& runners() {
  static const Runners known = [] {
    Runners all;
    for (const Runners& family :
         {intensity_runners(), spatial_runners(), label_runners(), chain_runners(), window_runners()})
      all.insert(family.begin(), family.end());
    return all;
  }();
  return known;
}

}  // namespace

Results run_case(const Case& golden, const std::filesystem::path& folder, Workspace& workspace) {
  const auto runner = runners().find(golden.transform);
  if (runner == runners().end()) fail(Code::unimplemented, "transform ", golden.transform);
  Run run(golden, folder, workspace);
  runner->second(run);
  return std::move(run).results();
}

}  // namespace voxd::golden
