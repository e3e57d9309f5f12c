#pragma once

#include <optional>

#include "gpu_transforms/grid_map.h"
#include "gpu_transforms/resample.h"

// resample() in parts, for those who want some planes of the result at a time, or labels.
namespace voxd {

struct PreparedResampling {
  DeviceVolume source;  ///< axes permuted so that the map is a diagonal, where that is possible
  GridMap map;
  Resampling how;
  bool separable;     ///< the map is a diagonal: each axis has a table
  bool wide_offsets;  ///< a channel has 2^31 voxels or more
};

/// Absent where the grids are the same. Throws as resample() does; enqueues the permutation of axes, if there is one.
std::optional<PreparedResampling> prepare_resampling(const DeviceVolume& volume, const Geometry& target,
                                                     const Resampling& how, Workspace& workspace);

/// Whether it permutes the source's axes.
bool turns_axes(const Geometry& from, const Geometry& to);

/// The same for planes begin..end-1 of the target along X.
PreparedResampling planes_of(PreparedResampling prepared, std::int32_t begin, std::int32_t end);

/// Enqueues; the result has the map's size, and `affine`. float32, or in mode nearest with `keep_type` the source's
/// type.
DeviceVolume sample(const PreparedResampling& prepared, const Affine& affine, bool keep_type, Workspace& workspace);

/// The volume's values, or labels, at the voxels that the tables name; of the same type. uint8, uint16 and float32.
DeviceVolume sample_nearest(const DeviceVolume& volume, const NearestAxis& x, const NearestAxis& y,
                            const NearestAxis& z, const Geometry& target, Workspace& workspace);

// The kernels, by the map's form and the mode; each fills `result`. They read uint8, int16 and float32 (and, to keep
// it, uint16).
void sample_linear_axes(const PreparedResampling& prepared, DeviceVolume& result, Workspace& workspace);
void sample_linear_oblique(const PreparedResampling& prepared, DeviceVolume& result, Workspace& workspace);
void sample_nearest_axes(const PreparedResampling& prepared, DeviceVolume& result, Workspace& workspace);
/// After the kernels of a diagonal, with Outside::zeros. Enqueues nothing where no voxel lies outside.
void clear_outside(const GridMap& map, GridMode mode, DeviceVolume& result, Workspace& workspace);
void sample_nearest_oblique(const PreparedResampling& prepared, DeviceVolume& result, Workspace& workspace);

}  // namespace voxd
