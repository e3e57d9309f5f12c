#include "gpu_transforms/labels.h"
#include "tests/golden_runner/run.h"

namespace voxd::golden {
namespace {

void cast(Run& run) { run.put("output", cast_to(run.input(), run.params<CastToTypeParams>().dtype, run.workspace())); }

void activated(Run& run) { run.put("output", activations(run.input(), run.params<Activations>(), run.workspace())); }

void discrete(Run& run) { run.put("output", as_discrete(run.input(), run.params<AsDiscrete>(), run.workspace())); }

void largest(Run& run) {
  run.put("output",
          keep_largest_connected_component(run.input(), run.params<KeepLargestConnectedComponent>(), run.workspace()));
}

void filled(Run& run) { run.put("output", fill_holes(run.input(), run.params<FillHoles>(), run.workspace())); }

void without_small(Run& run) {
  auto params = run.params<RemoveSmallObjects>();
  if (run.golden().entry.at("input").contains("affine")) params.pixdim.reset();  // MONAI takes the affine's then
  run.put("output", remove_small_objects(run.input(), params, run.workspace()));
}

void contour(Run& run) {
  run.params<LabelToContourParams>();
  if (run.input_dimensions() == 3) return run.put("output", label_to_contour(run.input(), run.workspace()));
  const DeviceVolume flat = run.flat_input();
  run.put_flat("output", label_to_contour_2d(flat, run.workspace()));
}

}  // namespace

Runners label_runners() {
  return {
      {"Activations", activated},
      {"AsDiscrete", discrete},
      {"CastToType", cast},
      {"FillHoles", filled},
      {"KeepLargestConnectedComponent", largest},
      {"LabelToContour", contour},
      {"RemoveSmallObjects", without_small},
  };
}

}  // namespace voxd::golden
