#pragma once

#include "gpu_transforms/device_volume.h"
#include "models/memory_plan.h"
#include "models/pipeline.h"

// What is made of a chain's label map beside what the chain saves.
namespace voxd {

/// Makes what `extras` asks for and puts it into the result. A mask of another type than uint8 and uint16 counts as the
/// labels that its values are nearest to. Synchronizes for components.
void add_extras(const DeviceVolume& mask, const Extras& extras, Workspace& workspace, const HostAllocator& allocate,
                PipelineResult& result);

/// What that does to memory.
void plan_extras(const PlannedVolume& mask, const Extras& extras, MemoryPlan& plan);

}  // namespace voxd
