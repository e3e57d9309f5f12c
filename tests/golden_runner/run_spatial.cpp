#include "gpu_transforms/spatial.h"
#include "tests/golden_runner/run.h"

namespace voxd::golden {
namespace {

void oriented(Run& run) {
  run.put("output", orientation(run.input(), run.params<OrientationParams>().axcodes, run.workspace()));
}

void resized_to(Run& run) { run.put("output", resize(run.input(), run.params<Resize>(), run.workspace())); }

void crop_foreground(Run& run) {
  const auto params = run.params<CropForeground>();
  const DeviceVolume volume = run.input();
  const Box box = foreground_box(volume, params, run.workspace());
  run.put("output", crop(volume, box, params.value, run.workspace()));
  run.put("box_start", box.start);
  run.put("box_end", box.end);
}

}  // namespace

Runners spatial_runners() {
  return {
      {"CropForeground", crop_foreground},
      {"Orientation", oriented},
      {"Resize", resized_to},
  };
}

}  // namespace voxd::golden
