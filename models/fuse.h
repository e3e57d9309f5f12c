#pragma once

#include "models/bundle.h"

namespace voxd {

/// Replaces neighbours of the bundle's chain by what does the same in one pass, or leaves out what has no effect there:
///   ScaleIntensityRanged, CropForegroundd, Resized in mode area    one pass over the image, which is read as it came
///   Invertd, AsDiscreted(argmax)                                   the scores are never on the image's grid
///   Activationsd(softmax), AsDiscreted(argmax)                     the argmax alone
///   SlidingWindowInferer, AsDiscreted(argmax)                      labels slab by slab: the scores are never whole
///   Invertd where nothing was moved                                nothing
///   LoadImaged before Orientationd and Spacingd, or the scaling    integers of 8 and 16 bits stay what they are
/// Results are those of the chain as it is written, voxel for voxel. Without softmax, of classes whose scores differ by
/// less than its rounding (1e-7) the higher score wins where the written chain has a tie, and a class with NaN wins where
/// softmax would make all of them NaN. Only chains of one item are changed there, and nothing of which a step in between
/// is read.
void fuse(Bundle& bundle);

}  // namespace voxd
