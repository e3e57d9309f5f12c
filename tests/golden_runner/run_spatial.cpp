#include "gpu_transforms/spacing.h"
#include "gpu_transforms/spatial.h"
#include "tests/golden_runner/run.h"

namespace voxd::golden {
namespace {

void oriented(Run& run) {
  run.put("output", orientation(run.input(), run.params<OrientationParams>().axcodes, run.workspace()));
}

void resized_to(Run& run) { run.put("output", resize(run.input(), run.params<Resize>(), run.workspace())); }

void respaced(Run& run) { run.put("output", spacing(run.input(), run.params<Spacing>(), run.workspace())); }

void crop_foreground(Run& run) {
  const auto params = run.params<CropForeground>();
  const DeviceVolume volume = run.input();
  const Box box = foreground_box(volume, params, run.workspace());
  run.put("output", crop(volume, box, params.padding, run.workspace()));
  run.put("box_start", box.start);
  run.put("box_end", box.end);
}

void spatial_padded(Run& run) {
  run.put("output", spatial_pad(run.input(), run.params<SpatialPad>(), run.workspace()));
}

void divisible_padded(Run& run) {
  run.put("output", divisible_pad(run.input(), run.params<DivisiblePad>(), run.workspace()));
}

void border_padded(Run& run) { run.put("output", border_pad(run.input(), run.params<BorderPad>(), run.workspace())); }

}  // namespace

Runners spatial_runners() {
  return {
      {"BorderPad", border_padded},
      {"CropForeground", crop_foreground},
      {"DivisiblePad", divisible_padded},
      {"Orientation", oriented},
      {"Resize", resized_to},
      {"Spacing", respaced},
      {"SpatialPad", spatial_padded},
  };
}

}  // namespace voxd::golden
