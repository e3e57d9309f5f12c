#pragma once

#include "tests/golden_runner/golden_case.h"

namespace voxd::golden {

/// Empty if all arrays that the index has for the case are as it says, else one line on what differs:
/// values within the case's `atol` (NaN equals NaN), affines within 1e-6, shapes and types exactly (but for label maps
/// and boxes, which are smaller integers here), but for what exemptions.h says.
std::string difference(const Case& golden, const Results& results, const std::filesystem::path& folder);

/// The cases in which voxd means to differ from MONAI.
bool is_deviation(const Case& golden);

/// As difference(), against what voxd means to return in such a case.
std::string difference_from_intent(const Case& golden, const Results& results, const std::filesystem::path& folder);

}  // namespace voxd::golden
