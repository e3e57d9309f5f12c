#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/pipeline_job.h"
#include "server/scattered_bytes.h"
#include "server/wire_type.h"

namespace voxd {

/// An image as raw elements, little-endian, [C,X,Y,Z] with Z contiguous, on an identity grid.
struct InputTensor {
  WireType type = WireType::f32;
  std::int32_t channels = 1;
  Int3 size{};
  ScatteredBytes data;  ///< exactly channels * voxels * size_of(type) bytes
};

/// One result that the caller wants: its name on the wire, the chain's key, and how many axes the wire shows (leading
/// ones are 1).
struct WantedTensor {
  std::string name;
  std::string key;
  std::size_t rank = 4;
};

struct OutputTensor {
  std::string name;
  std::string_view datatype;        ///< KServe's name of the elements' type
  std::vector<std::int64_t> shape;  ///< row-major
  std::shared_ptr<const HostVolume> volume;
};

struct TensorRequest {
  std::string request_id;
  std::string trace;  ///< of the caller's traceparent; empty: none
  std::shared_ptr<const Model> model;
  std::vector<InputTensor> inputs;  ///< in the pipeline's order
  std::vector<WantedTensor> outputs;
};

struct TensorResult {
  std::vector<OutputTensor> outputs;  ///< in the order asked for
  StageTimes stage_ms{};
};

/// Raw tensors through a model's pipeline: what ModelInfer runs. Thread rule: Job's.
class TensorJob final : public PipelineJob {
 public:
  TensorJob(TensorRequest request, std::shared_ptr<JobListener<TensorResult>> listener, JobRecords& records);

 private:
  std::vector<HostVolume> decode(const HostAllocator& allocate) override;
  void encode(const std::vector<HostVolume>& images, PipelineResult result) override;
  void deliver() noexcept override;
  void deliver_error(const Error& error) noexcept override;
  void report(const JobProgress& progress) noexcept override;

  TensorRequest request_;
  const std::shared_ptr<JobListener<TensorResult>> listener_;
  TensorResult result_;
};

/// The tensor's elements as a volume: one copy, widened to float32 where they are 16-bit floats.
HostVolume volume_of(const InputTensor& tensor, const HostAllocator& allocate);

/// [C,X,Y,Z] written with `rank` axes: leading ones added, or leading axes of 1 left out. Throws Error{internal} if
/// that cannot be.
std::vector<std::int64_t> shape_with_rank(std::int32_t channels, const Int3& size, std::size_t rank);

}  // namespace voxd
