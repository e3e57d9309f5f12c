#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/segmentation_job.h"
#include "server/serving.h"

namespace voxd {

/// What a caller says about one part before sending it.
struct PartDescription {
  std::string id;
  std::string format;
  std::uint64_t byte_size = 0;
  std::string channel = {};  ///< the model's name for it; empty: the parts' order says
};

/// Checks the parts' ids, formats, number and sizes; returns the sum of the sizes. Throws Error{invalid_argument}
/// naming part, value and limit.
std::int64_t check_parts(const std::vector<PartDescription>& parts, const RequestLimits& limits);

/// The parts in the order of the channels that they name; as they are if none names one. Throws Error{invalid_argument}
/// if only some do, for a name that the model does not have, and for one that stands twice or is missing.
std::vector<PartDescription> in_channel_order(std::vector<PartDescription> parts,
                                              const PipelineDescription& description);

/// Puts the chunks of one call's parts together, each byte copied once into its place. Used by one thread at a time.
class Upload {
 public:
  /// `parts` as check_parts accepts them. Takes the memory now. Throws Error{resource_exhausted} when there is none.
  Upload(const std::vector<PartDescription>& parts, const RequestLimits& limits, const HostAllocator& allocate);

  /// Throws Error{invalid_argument}: unknown part, empty or oversized chunk, an offset that does not continue the part,
  /// bytes past its end.
  void add(const std::string& part_id, std::uint64_t offset, std::string_view data);
  double fraction() const;
  /// The parts, complete, in the order announced. Throws Error{invalid_argument} naming the first part with bytes
  /// missing.
  std::vector<StagedPart> take();

 private:
  struct Part {
    StagedPart staged;
    std::uint64_t received = 0;
  };
  const std::uint32_t max_chunk_bytes_;
  std::vector<Part> parts_;
  std::unordered_map<std::string, std::size_t> index_;
  std::uint64_t total_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace voxd
