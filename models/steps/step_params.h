#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gpu_transforms/intensity.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/spacing.h"
#include "gpu_transforms/spatial.h"
#include "gpu_transforms/window_grid.h"
#include "models/params.h"

// From MONAI's parameters to those of gpu_transforms: the one place where they are read, for bundles and for the golden
// cases alike.
namespace voxd {

struct OrientationParams {
  std::string axcodes;
};
struct LabelToContourParams {};
struct CastToTypeParams {
  DType dtype = DType::f32;
};
struct EnsureTypeParams {
  std::optional<DType> dtype;  ///< absent: as it is
};

/// Reads the parameters that MONAI's array transform of that name has; those of a dictionary transform's own (keys,
/// ...) are its reader's business. Throws Error{invalid_argument} for a value that MONAI would not take either,
/// Error{unimplemented} for one that voxd does not support.
template <class T>
T read_params(Params& params);

template <>
OrientationParams read_params(Params& params);
template <>
ScaleIntensity read_params(Params& params);
template <>
ScaleIntensityRange read_params(Params& params);
template <>
ScaleIntensityRangePercentiles read_params(Params& params);
template <>
NormalizeIntensity read_params(Params& params);
template <>
CropForeground read_params(Params& params);
template <>
SpatialPad read_params(Params& params);
template <>
DivisiblePad read_params(Params& params);
template <>
BorderPad read_params(Params& params);
template <>
Resize read_params(Params& params);
template <>
CastToTypeParams read_params(Params& params);
template <>
EnsureTypeParams read_params(Params& params);
template <>
Activations read_params(Params& params);
template <>
AsDiscrete read_params(Params& params);
template <>
Spacing read_params(Params& params);
template <>
KeepLargestConnectedComponent read_params(Params& params);
template <>
FillHoles read_params(Params& params);
template <>
RemoveSmallObjects read_params(Params& params);
template <>
LabelToContourParams read_params(Params& params);

template <>
SlidingWindows read_params(Params& params);

/// The parameters of a JSON object, all of which must be understood. `where` starts every message. Throws as
/// read_params does.
template <class T>
T params_from_json(std::string_view json, const std::string& where) {
  const Config config = Config::parse(json, Config::Format::json, where);
  Params params(config, "");
  T result = read_params<T>(params);
  params.finish();
  return result;
}

}  // namespace voxd
