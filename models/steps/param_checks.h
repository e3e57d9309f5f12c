#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "gpu_transforms/pad.h"
#include "gpu_transforms/volume/dtype.h"
#include "models/params.h"

// What several transforms demand of a parameter. Each throws as Params::refuse does.
namespace voxd {

/// The type that results have: float32 is what voxd computes in.
void require_float32(Params& params);

/// The type of voxels that a parameter names; absent where it is None or not given. Throws also for types that voxd
/// does not have.
std::optional<DType> optional_dtype(Params& params, std::string_view name);

void require_finite(const Params& params, std::string_view name, std::optional<double> value);

/// One number for all axes or one per axis.
std::vector<int> one_or_three(Params& params, std::string_view name, std::vector<int> fallback);

/// `mode` and `value`: what stands beyond the image.
Padding padding_of(Params& params);

}  // namespace voxd
