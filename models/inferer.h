#pragma once

#include <memory>
#include <optional>

#include "models/memory_plan.h"
#include "models/network.h"
#include "models/params.h"

namespace voxd {

/// How a bundle's network is run over an image that the preprocessing has made. Immutable; safe from any thread.
class Inferer {
 public:
  virtual ~Inferer() = default;

  /// [C,X,Y,Z] float32 -> the network's answer for the whole of it, float32 with the image's affine. Enqueues on the
  /// context's stream; reports its progress as that of the network's stage, up to but not including 1. Throws
  /// Error{cancelled} and Error{deadline_exceeded} between two runs of the network, and what the network throws.
  virtual DeviceVolume run(const Network& network, const DeviceVolume& image, JobContext& context) const = 0;

  /// What run() does to memory, for a network whose answer has its input's size.
  virtual PlannedVolume plan(const Network& network, const PlannedVolume& image, MemoryPlan& plan) const = 0;

  /// An inferer that runs the same way and gives the index of the largest channel per voxel, [1,X,Y,Z] uint8 (uint16
  /// above 256 channels), without the scores ever being whole; null where that gains nothing.
  virtual std::unique_ptr<const Inferer> labelling() const { return nullptr; }

  /// The size of what the network is given, if that is the same for every image.
  virtual std::optional<Int3> input_size() const { return std::nullopt; }
  /// How many inputs the network is given at once, at most.
  virtual std::int32_t batch() const { return 1; }
};

/// The inferer at "inferer" of a bundle's config; MONAI's default where there is none: the image as it is.
/// Throws Error{unimplemented} naming an inferer or parameter that is not supported, Error{invalid_argument} on a wrong
/// value.
std::unique_ptr<const Inferer> read_inferer(const Config& config);

}  // namespace voxd
