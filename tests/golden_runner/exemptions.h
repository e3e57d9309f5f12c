#pragma once

#include <vector>

#include "tests/golden_runner/golden_case.h"

// Where more than one answer is right, and which those are.
namespace voxd::golden {

std::vector<double> as_doubles(const test::NpyArray& array);

/// NaN equals NaN.
bool equal(double a, double b, double tolerance);

/// Replaces by the wanted label one that is as good: where the two largest of MONAI's channels [C,...] differ, but by
/// less than 1e-6, either of the two is right. Channels that are equal are no such case: the first one wins.
void excuse_close_calls(const std::vector<double>& channels, std::vector<double>& got,
                        const std::vector<double>& wanted);

/// Replaces by the wanted value what MONAI's rounding decided: where the index's ties mask is set, the position in the
/// input lies half-way between voxels, and any of those it lies between is right. Only these.
void excuse_ties(const Case& golden, const std::filesystem::path& folder, std::vector<double>& got,
                 const std::vector<double>& wanted);

/// What is wrong where components of equal size are to be chosen from: of the input's voxels some must be kept, the
/// others 0, and what is kept must be components of the sizes that MONAI kept. Empty if nothing.
std::string kept_difference(const Case& golden, const std::filesystem::path& folder, const std::vector<double>& got,
                            const std::vector<double>& wanted);

}  // namespace voxd::golden
