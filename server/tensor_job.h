#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "server/pipeline_job.h"
#include "server/scattered_bytes.h"
#include "server/shared_region.h"
#include "server/wire_type.h"

namespace voxd {

/// A tensor's bytes where they came: in the transport's pieces, or in memory that the caller shares.
using TensorData = std::variant<ScatteredBytes, SharedBytes>;
inline std::int64_t byte_size(const TensorData& data) {
  return std::visit([](const auto& bytes) { return bytes.size; }, data);
}

/// An image as raw elements, little-endian, [C,X,Y,Z] with Z contiguous.
struct InputTensor {
  WireType type = WireType::f32;
  std::int32_t channels = 1;
  Int3 size{};
  TensorData data;  ///< exactly channels * voxels * size_of(type) bytes
};

/// One result that the caller wants: its name on the wire, the chain's key, how many axes the wire shows (leading
/// ones are 1), and where in shared memory its bytes go, if not into the reply.
struct WantedTensor {
  std::string name;
  std::string key;
  std::size_t rank = 4;
  std::optional<SharedBytes> target;
};

struct OutputTensor {
  std::string name;
  std::string_view datatype;        ///< KServe's name of the elements' type
  std::vector<std::int64_t> shape;  ///< row-major
  std::shared_ptr<const HostVolume> volume;
  std::optional<SharedBytes> target;  ///< where its bytes are, if not in the reply

  std::int64_t byte_size() const { return volume->count() * static_cast<std::int64_t>(size_of(volume->dtype)); }
};

struct TensorRequest {
  std::string request_id;
  std::string trace;  ///< of the caller's traceparent; empty: none
  std::shared_ptr<const Model> model;
  std::vector<InputTensor> inputs;  ///< in the pipeline's order
  std::vector<WantedTensor> outputs;
  Affine affine = identity_affine();  ///< of the inputs' grid
};

struct TensorResult {
  std::vector<OutputTensor> outputs;  ///< in the order asked for
  std::optional<Box> crop;            ///< PipelineResult::crop
  StageTimes stage_ms{};
};

/// What of the results went to shared memory.
std::int64_t shared_bytes(const TensorResult& result);

/// Raw tensors through a model's pipeline: what ModelInfer runs. Thread rule: Job's.
class TensorJob final : public PipelineJob {
 public:
  TensorJob(TensorRequest request, std::shared_ptr<JobListener<TensorResult>> listener, JobRecords& records);

 private:
  std::vector<HostVolume> decode(const WorkerResources& resources) override;
  void encode(const std::vector<HostVolume>& images, PipelineResult result) override;
  void write_targets() const;
  void deliver() noexcept override;
  void deliver_error(const Error& error) noexcept override;
  void report(const JobProgress& progress) noexcept override;

  TensorRequest request_;
  const std::shared_ptr<JobListener<TensorResult>> listener_;
  TensorResult result_;
};

/// The tensor's elements as a volume: one copy, widened to float32 where they are 16-bit floats.
HostVolume volume_of(const InputTensor& tensor, const Affine& affine, const HostAllocator& allocate);

/// [C,X,Y,Z] written with `rank` axes: leading ones added, or leading axes of 1 left out. Throws Error{internal} if
/// that cannot be.
std::vector<std::int64_t> shape_with_rank(std::int32_t channels, const Int3& size, std::size_t rank);

}  // namespace voxd
