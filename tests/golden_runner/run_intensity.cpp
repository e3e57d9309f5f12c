#include "gpu_transforms/intensity.h"
#include "tests/golden_runner/run.h"

namespace voxd::golden {
namespace {

void scaled(Run& run) {
  run.put("output", scale_intensity(run.input(), run.params<ScaleIntensity>(), run.workspace()));
}

void range(Run& run) {
  run.put("output", scale_intensity_range(run.input(), run.params<ScaleIntensityRange>(), run.workspace()));
}

void percentiles(Run& run) {
  run.put("output", scale_intensity_range_percentiles(run.input(), run.params<ScaleIntensityRangePercentiles>(),
                                                      run.workspace()));
}

void normalized(Run& run) {
  run.put("output", normalize_intensity(run.input(), run.params<NormalizeIntensity>(), run.workspace()));
}

}  // namespace

Runners intensity_runners() {
  return {
      {"NormalizeIntensity", normalized},
      {"ScaleIntensity", scaled},
      {"ScaleIntensityRange", range},
      {"ScaleIntensityRangePercentiles", percentiles},
  };
}

}  // namespace voxd::golden
