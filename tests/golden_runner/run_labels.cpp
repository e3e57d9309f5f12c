#include "gpu_transforms/labels.h"
#include "tests/golden_runner/run.h"

namespace voxd::golden {
namespace {

void discrete(Run& run) {
  run.params<AsDiscreteParams>();
  run.put("output", argmax(run.input(), run.workspace()));
}

void largest(Run& run) {
  run.put("output",
          keep_largest_connected_component(run.input(), run.params<KeepLargestConnectedComponent>(), run.workspace()));
}

void contour(Run& run) {
  run.params<LabelToContourParams>();
  run.put("output", label_to_contour(run.input(), run.workspace()));
}

}  // namespace

Runners label_runners() {
  return {
      {"AsDiscrete", discrete},
      {"KeepLargestConnectedComponent", largest},
      {"LabelToContour", contour},
  };
}

}  // namespace voxd::golden
