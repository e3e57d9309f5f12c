#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "gpu_transforms/device_volume.h"

// From logits to label maps, with MONAI 1.6.1's semantics and names. Each enqueues on the workspace's stream;
// affine and size stay.
namespace voxd {

struct Activations {
  bool sigmoid = false;
  bool softmax = false;  ///< over the channels; after sigmoid, if both are asked for
};

/// Within 1e-6 of torch. NaN and infinities as in torch: +inf, or nothing but -inf, among a voxel's channels makes all
/// of them NaN in softmax. A uint8 or uint16 volume stands for labels, which are float32 in MONAI, and gives float32;
/// any other type is kept, as in MONAI. With neither asked for the volume is returned as it is. Output, and for types
/// other than float32 a float32 copy.
DeviceVolume activations(const DeviceVolume& volume, const Activations& params, Workspace& workspace);

/// Index of the largest channel per voxel: ties go to the lowest index, NaN counts as the largest (the first NaN wins).
/// [C,X,Y,Z] float32 -> [1,X,Y,Z] uint8 (uint16 above 256 channels). Output plus no scratch of full resolution.
DeviceVolume argmax(const DeviceVolume& volume, Workspace& workspace);

struct AsDiscrete {
  bool argmax = false;
  std::optional<int> to_onehot;     ///< number of classes
  std::optional<double> threshold;  ///< 1 where the value is not below it; NaN is
  bool rounding = false;            ///< to whole numbers, halves to even ("torchrounding")
  DType dtype = DType::f32;
};

/// What is asked for, in the order of the members. What is made of labels only (argmax, one-hot, threshold) is uint8
/// (uint16 for an argmax above 256 channels) where MONAI has float32, or any other type that holds them; everything
/// else is of `dtype`. A one-hot's labels are cut towards zero. Throws Error{invalid_argument} for a label that is no
/// class, to_onehot of several channels, and rounding of what threshold has made (torch cannot). Synchronizes only for
/// to_onehot where the labels are not known to be classes: they come from no argmax, or from one of more channels.
/// Holds at most the result of a step and that of the next.
DeviceVolume as_discrete(const DeviceVolume& volume, const AsDiscrete& params, Workspace& workspace);

/// Whether labels of type `labels` (uint8, uint16) stay as they are where `wanted` is asked for: if it holds them all.
bool keeps_labels(DType wanted, DType labels);

struct KeepLargestConnectedComponent {
  std::optional<std::vector<int>> applied_labels;  ///< absent: every label but 0 that occurs
  bool independent = true;                         ///< each label alone, or all applied ones as one mask
  std::optional<bool> is_onehot;                   ///< absent: more than one channel
  int connectivity = 3;                            ///< 1: 6 neighbours, 2: 18, 3: 26
  int num_components = 1;
};

/// Sets what is not in the largest component (26-, 18- or 6-connected) of a label to 0; other labels stay.
/// Of components of equal size the one whose first voxel comes first in raster order is kept. dtype is kept (uint8,
/// uint16, float32). Channels may be counted from the end. Scratch: two bits per voxel of a channel, 8 bytes per row
/// along Z, and 12 bytes per run of foreground along Z; without applied_labels 512 kB. Synchronizes the stream where it
/// must know the labels or the number of runs.
DeviceVolume keep_largest_connected_component(const DeviceVolume& labels, const KeepLargestConnectedComponent& params,
                                              Workspace& workspace);

struct FillHoles {
  std::optional<std::vector<int>> applied_labels;  ///< absent: every label but 0 that occurs
  int connectivity = 3;  ///< how the background around a hole is walked; 1: 6 neighbours, 2: 18, 3: 26
};

/// Gives a label the voxels that cannot be reached from outside of the volume without crossing it, whatever they were:
/// a hole on the border is open, and with 26 neighbours one that leaks through a corner too. Several channels are
/// one-hot: channel 0 stays, of the others those applied become 0 or 1. dtype is kept (uint8, uint16, float32).
/// Scratch: as keep_largest_connected_component, for runs of background. Synchronizes as that does.
DeviceVolume fill_holes(const DeviceVolume& labels, const FillHoles& params, Workspace& workspace);

struct RemoveSmallObjects {
  double min_size = 64;              ///< smaller objects go; voxels, or mm^3 if by_measure
  int connectivity = 1;              ///< along how many axes neighbours may differ
  bool independent_channels = true;  ///< false: objects are made of all voxels > 0, and keep their values
  bool by_measure = false;
  std::optional<std::vector<double>> pixdim;  ///< mm, one or three; absent: the volume's own
};

/// As MONAI's, which takes channels as one more axis: voxels of neighbouring channels are neighbours. A volume of one
/// value stays as it is. Independent channels: if no value is above 1, objects are the components of what is not 0, and
/// the result is 0 or 1; otherwise values are cut to labels, and an object is all that has the same label, connected or
/// not. dtype is kept (uint8, uint16, float32).
/// Throws Error{invalid_argument} if such a label is not in 0..65535. Scratch: a bit per voxel, 8 bytes per row along Z
/// and 12 per run of objects along Z, or 512 kB. Synchronizes the stream.
DeviceVolume remove_small_objects(const DeviceVolume& labels, const RemoveSmallObjects& params, Workspace& workspace);

/// MONAI's LabelToContour: 26*x - sum of the 26 neighbours (outside is 0), clamped to 0..1; for a 0/1 mask its 1-voxel
/// inner boundary. Scratch: one bit per voxel. dtype is kept (uint8, uint16, float32); other types:
/// Error{invalid_argument}. A grid with one voxel along an axis is treated as 3D.
DeviceVolume label_to_contour(const DeviceVolume& labels, Workspace& workspace);

/// The same of images in two dimensions, held as [C,X,Y,1]: 8*x - sum of the 8 neighbours. Throws
/// Error{invalid_argument} if there are more voxels than 1 along Z.
DeviceVolume label_to_contour_2d(const DeviceVolume& labels, Workspace& workspace);

/// The voxels of a label map that have a neighbour, of 26, with another label, or lie on the volume's border; each
/// keeps its label, all others become 0. uint8 or uint16, which is kept; channels are label maps of their own. Output
/// plus no scratch. Throws Error{invalid_argument} for other types.
DeviceVolume label_boundary(const DeviceVolume& labels, Workspace& workspace);

/// How many 26-connected components each label other than 0 has, of those that occur. uint8 or uint16, one channel,
/// else Error{invalid_argument}. Scratch: as keep_largest_connected_component without applied_labels. Synchronizes.
std::map<int, std::int64_t> count_components(const DeviceVolume& labels, Workspace& workspace);

}  // namespace voxd
