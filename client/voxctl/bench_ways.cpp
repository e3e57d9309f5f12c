#include "client/voxctl/bench_ways.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "client/shared_memory_block.h"
#include "client/voxctl/exit_code.h"
#include "client/voxctl/http_inference.h"
#include "server/decode/image.h"

namespace voxd::ctl {
namespace {

std::array<std::int64_t, 4> shape_of(const HostVolume& volume) {
  const Int3& size = volume.geometry.size;
  return {volume.channels, size[0], size[1], size[2]};
}

VolumeInput request_of(const BenchTarget& target, const BenchImage& image) {
  VolumeInput input;
  input.model = target.model;
  input.model_version = target.model_version;
  input.shape = shape_of(image.volume);
  input.datatype = datatype_name(image.volume.dtype);
  input.voxels = image.volume.voxels.bytes();
  input.timeout = target.timeout;
  input.affine.emplace();
  for (std::size_t i = 0; i < 16; ++i) (*input.affine)[i] = image.volume.geometry.affine[i / 4][i % 4];
  return input;
}

// A refusal is a result here, and not tried again.
ClientOptions once(const Shared& shared) {
  ClientOptions options = shared.client_options();
  options.attempts = 1;
  return options;
}

class SegmentSender final : public BenchSender {
 public:
  explicit SegmentSender(const BenchTarget& target)
      : target_(target), client_(target.shared->address, once(*target.shared)) {}

  BenchAnswer send(const BenchImage& image, std::stop_token stop) override {
    SegmentationInput input;
    input.model = target_.model;
    input.model_version = target_.model_version;
    input.parts = {
        ImagePart::memory(std::filesystem::path(image.path).filename(), std::as_bytes(std::span(image.bytes)))};
    input.contour = true;
    input.timeout = target_.timeout;
    const SegmentationOutcome outcome = client_.segment(input, {}, std::move(stop));
    return {image.bytes.size(), outcome.mask.size() + outcome.contour.size(), outcome.stage_ms, {}};
  }

 private:
  const BenchTarget target_;
  SegmentationClient client_;
};

std::uint64_t received(const VolumeOutcome& outcome) {
  std::uint64_t bytes = 0;
  for (const OutputTensorData& output : outcome.outputs) bytes += output.bytes.size();
  return bytes;
}

class GrpcSender final : public BenchSender {
 public:
  explicit GrpcSender(const BenchTarget& target)
      : target_(target), client_(target.shared->address, once(*target.shared)) {}

  BenchAnswer send(const BenchImage& image, std::stop_token stop) override {
    VolumeOutcome outcome = client_.infer(request_of(target_, image), std::move(stop));
    const std::uint64_t bytes = received(outcome);
    return {image.volume.voxels.size(), bytes, outcome.stage_ms, std::move(outcome.outputs.at(0).bytes)};
  }

 private:
  const BenchTarget target_;
  SegmentationClient client_;
};

class HttpSender final : public BenchSender {
 public:
  explicit HttpSender(const BenchTarget& target)
      : target_(target),
        tensors_(SegmentationClient(target.shared->address, target.shared->client_options())
                     .tensors(target.model, target.model_version)),
        http_(target.http_address, target.shared->client_options().security) {}

  BenchAnswer send(const BenchImage& image, std::stop_token) override {
    VolumeOutcome outcome = http_.infer(request_of(target_, image), tensors_.inputs.at(0));
    const std::uint64_t bytes = received(outcome);
    return {image.volume.voxels.size(), bytes, outcome.stage_ms, std::move(outcome.outputs.at(0).bytes)};
  }

 private:
  const BenchTarget target_;
  const ModelTensors tensors_;
  HttpInference http_;
};

/// The volume is copied into memory that the server reads, and the results are found there. How large they are is
/// learnt from a first request whose results come over the connection.
class SharedMemorySender final : public BenchSender {
 public:
  explicit SharedMemorySender(const BenchTarget& target)
      : target_(target), client_(target.shared->address, once(*target.shared)) {}

  BenchAnswer send(const BenchImage& image, std::stop_token stop) override {
    VolumeInput input = request_of(target_, image);
    if (image.path != made_for_) make_room(input, image, stop);
    const std::span<std::byte> all = block_->bytes();
    std::memcpy(all.data(), input.voxels.data(), input.voxels.size());
    input.voxels = all.first(input.voxels.size());
    input.shared = block_.get();
    input.outputs = outputs_;
    const VolumeOutcome outcome = client_.infer(input, std::move(stop));
    BenchAnswer answer{input.voxels.size(), 0, outcome.stage_ms, {}};
    for (const WantedOutput& output : outputs_) answer.bytes_received += output.target.size();
    const std::span<const std::byte> first = outputs_.at(0).target;
    answer.labels.assign(reinterpret_cast<const char*>(first.data()), first.size());
    return answer;
  }

 private:
  void make_room(const VolumeInput& input, const BenchImage& image, const std::stop_token& stop) {
    const VolumeOutcome outcome = client_.infer(input, stop);
    block_ = std::make_unique<SharedMemoryBlock>(client_, input.voxels.size() + received(outcome));
    outputs_.clear();
    std::span<std::byte> left = block_->bytes().subspan(input.voxels.size());
    for (const OutputTensorData& output : outcome.outputs) {
      outputs_.push_back({output.name, left.first(output.bytes.size())});
      left = left.subspan(output.bytes.size());
    }
    made_for_ = image.path;
  }

  const BenchTarget target_;
  SegmentationClient client_;
  std::unique_ptr<SharedMemoryBlock> block_;
  std::vector<WantedOutput> outputs_;
  std::string made_for_;  // path of the image
};

HostVolume as_float32(const HostVolume& volume) {
  HostVolume converted = make_host_volume(DType::f32, volume.channels, volume.geometry);
  visit_dtype(volume.dtype, [&](auto zero) {
    const auto from = volume.as<decltype(zero)>();
    std::transform(from.begin(), from.end(), converted.as<float>().begin(),
                   [](auto value) { return static_cast<float>(value); });
  });
  return converted;
}

}  // namespace

const char* name_of(Way way) {
  switch (way) {
    case Way::segment: return "segment";
    case Way::grpc: return "grpc";
    case Way::http: return "http";
    case Way::shared_memory: return "shm";
  }
  return "?";
}

Way way_named(const std::string& name) {
  for (const Way way : all_ways)
    if (name == name_of(way)) return way;
  throw UsageError("--via: '" + name + "', known: http, grpc, segment, shm");
}

std::unique_ptr<BenchSender> make_sender(Way way, const BenchTarget& target) {
  switch (way) {
    case Way::segment: return std::make_unique<SegmentSender>(target);
    case Way::grpc: return std::make_unique<GrpcSender>(target);
    case Way::http: return std::make_unique<HttpSender>(target);
    case Way::shared_memory: return std::make_unique<SharedMemorySender>(target);
  }
  fail(Code::internal, "bench: unknown way");
}

BenchImage read_bench_image(const std::string& path, bool with_volume, bool float32) {
  if (!std::filesystem::exists(path)) fail(Code::not_found, path, ": no such file");
  std::ifstream in(path, std::ios::binary);
  if (!in || std::filesystem::is_directory(path)) fail(Code::invalid_argument, path, ": cannot be read as one file");
  BenchImage image{path, {std::istreambuf_iterator<char>(in), {}}, {}};
  if (!with_volume) return image;
  try {
    image.volume = decode_image(std::as_bytes(std::span(image.bytes)), "", allocate_host, DecodeLimits{}).volume;
  } catch (const Error& error) {
    throw Error(error.code(), path + ": " + error.what());
  }
  if (float32 && image.volume.dtype != DType::f32) image.volume = as_float32(image.volume);
  return image;
}

const char* datatype_name(DType type) {
  switch (type) {
    case DType::u8: return "UINT8";
    case DType::i8: return "INT8";
    case DType::u16: return "UINT16";
    case DType::i16: return "INT16";
    case DType::u32: return "UINT32";
    case DType::i32: return "INT32";
    case DType::u64: return "UINT64";
    case DType::i64: return "INT64";
    case DType::f32: return "FP32";
    case DType::f64: return "FP64";
  }
  return "?";
}

}  // namespace voxd::ctl
