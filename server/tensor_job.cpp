#include "server/tensor_job.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <utility>

#include "models/sha256.h"

namespace voxd {
namespace {

static_assert(std::endian::native == std::endian::little, "the wire's bytes are taken as they are");

void copy_to(const TensorData& data, std::span<std::byte> target) {
  std::visit([target](const auto& bytes) { bytes.copy_to(target); }, data);
}

// The 16-bit patterns come to the buffer's second half; each float32 is written at or before the place of the next
// unread pattern.
template <class Widen>
void copy_widened(const TensorData& data, std::span<float> target, Widen widen) {
  std::byte* const bytes = reinterpret_cast<std::byte*>(target.data());
  const std::size_t count = target.size();
  std::byte* const patterns = bytes + 2 * count;
  copy_to(data, {patterns, 2 * count});
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, patterns + 2 * i, sizeof bits);
    const float value = widen(bits);
    std::memcpy(bytes + 4 * i, &value, sizeof value);
  }
}

Extras extras_for(const TensorRequest& request) {
  const auto is_probabilities = [](const WantedTensor& wanted) { return wanted.key == probabilities_key; };
  return {.probabilities = std::any_of(request.outputs.begin(), request.outputs.end(), is_probabilities)};
}

// What is written down is what is worked on, whatever its owner does to memory that he shares meanwhile.
ScatteredBytes gathered(TensorData data, const HostAllocator& allocate) {
  if (auto* const sent = std::get_if<ScatteredBytes>(&data)) return std::move(*sent);
  const auto copy = std::make_shared<HostBuffer>(allocate(static_cast<std::size_t>(byte_size(data))));
  copy_to(data, copy->bytes());
  return {{copy->bytes()}, byte_size(data), copy, copy};
}

// Where the tensor came as a buffer of its own, that is the image.
HostVolume take_volume(InputTensor& tensor, const Affine& affine, const HostAllocator& allocate) {
  const DType dtype = dtype_for(tensor.type);
  auto* const sent = std::get_if<ScatteredBytes>(&tensor.data);
  if (!sent || !sent->whole || size_of(dtype) != size_of(tensor.type)) return volume_of(tensor, affine, allocate);
  HostVolume volume;
  volume.dtype = dtype;
  volume.channels = tensor.channels;
  volume.geometry = {tensor.size, affine};
  volume.voxels = std::move(*sent->whole);
  return volume;
}

std::string sum_of(const ScatteredBytes& data) {
  Sha256 sum;
  for (const std::span<const std::byte> piece : data.pieces) sum.add(piece);
  return sum.hex();
}

}  // namespace

std::int64_t shared_bytes(const TensorResult& result) {
  std::int64_t bytes = 0;
  for (const OutputTensor& output : result.outputs)
    if (output.target) bytes += output.byte_size();
  return bytes;
}

HostVolume volume_of(const InputTensor& tensor, const Affine& affine, const HostAllocator& allocate) {
  HostVolume volume = make_host_volume(dtype_for(tensor.type), tensor.channels, {tensor.size, affine}, allocate);
  switch (tensor.type) {
    case WireType::f16: copy_widened(tensor.data, volume.as<float>(), float_from_f16); break;
    case WireType::bf16: copy_widened(tensor.data, volume.as<float>(), float_from_bf16); break;
    default:
      copy_to(tensor.data,
              volume.voxels.bytes().first(static_cast<std::size_t>(volume.count()) * size_of(tensor.type)));
  }
  return volume;
}

std::vector<std::int64_t> shape_with_rank(std::int32_t channels, const Int3& size, std::size_t rank) {
  std::vector<std::int64_t> shape{channels, size[0], size[1], size[2]};
  while (shape.size() > rank && shape.front() == 1) shape.erase(shape.begin());
  if (shape.size() > rank)
    fail(Code::internal, "output shape: ", channels, "x", to_string(size), " does not fit ", rank, " axes");
  shape.insert(shape.begin(), rank - shape.size(), 1);
  return shape;
}

TensorJob::TensorJob(TensorRequest request, std::shared_ptr<JobListener<TensorResult>> listener, JobRecords& records)
    : PipelineJob(request.model, records, extras_for(request)),
      request_(std::move(request)),
      listener_(std::move(listener)) {
  audit_record.request_id = request_.request_id;
  audit_record.trace = request_.trace;
  for (const InputTensor& input : request_.inputs) bytes += byte_size(input.data);
}

std::vector<HostVolume> TensorJob::decode(const WorkerResources& resources) {
  std::vector<HostVolume> images;
  for (InputTensor& input : request_.inputs) {
    if (is_audited()) {
      input.data = gathered(std::move(input.data), resources.staging);
      audit_record.input_sha256.push_back(sum_of(std::get<ScatteredBytes>(input.data)));
    }
    images.push_back(take_volume(input, request_.affine, resources.staging));
    input.data = {};
    check();
  }
  return images;
}

void TensorJob::encode(const std::vector<HostVolume>&, PipelineResult result) {
  std::map<std::string, std::shared_ptr<const HostVolume>> volumes;
  for (PipelineOutput& output : result.outputs)
    volumes[output.key] = std::make_shared<const HostVolume>(std::move(output.volume));
  if (result.probabilities)
    volumes[probabilities_key] = std::make_shared<const HostVolume>(*std::move(result.probabilities));
  for (const WantedTensor& wanted : request_.outputs) {
    const auto found = volumes.find(wanted.key);
    if (found == volumes.end())
      fail(Code::internal, "output '", wanted.name, "': the pipeline made no '", wanted.key, "'");
    const HostVolume& volume = *found->second;
    if (is_audited()) audit_record.output_sha256.push_back(Sha256().add(volume.voxels.bytes()).hex());
    result_.outputs.push_back({wanted.name, wire_name_of(volume.dtype),
                               shape_with_rank(volume.channels, volume.geometry.size, wanted.rank), found->second,
                               wanted.target});
  }
  result_.crop = result.crop;
  check();
  write_targets();
}

// All of them or none: a size that does not fit is found before the first is written.
void TensorJob::write_targets() const {
  for (const OutputTensor& output : result_.outputs)
    if (output.target && output.target->size < output.byte_size())
      fail(Code::invalid_argument, "shared memory size specified with the request for output '", output.name, "' (",
           output.target->size, " bytes) should be at least ", output.byte_size(), " bytes to hold the results");
  for (const OutputTensor& output : result_.outputs)
    if (output.target)
      output.target->region->write(output.target->offset,
                                   output.volume->voxels.bytes().first(static_cast<std::size_t>(output.byte_size())));
}

void TensorJob::deliver() noexcept {
  result_.stage_ms = stage_ms();
  listener_->on_done(std::move(result_));
}

void TensorJob::deliver_error(const Error& error) noexcept { listener_->on_error(error); }
void TensorJob::report(const JobProgress& progress) noexcept { listener_->on_progress(progress); }

}  // namespace voxd
