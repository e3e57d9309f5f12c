#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "client/segmentation_client.h"
#include "client/voxctl/commands.h"
#include "gpu_transforms/volume/host_volume.h"

namespace voxd::ctl {

/// How a volume gets to the server and its results back.
enum class Way { segment, grpc, http, shared_memory };
inline constexpr Way all_ways[] = {Way::http, Way::grpc, Way::segment, Way::shared_memory};
/// "http", "grpc", "segment", "shm".
const char* name_of(Way way);
/// Throws UsageError.
Way way_named(const std::string& name);

/// A file, and the volume that is in it. Immutable; safe from any thread.
struct BenchImage {
  std::string path;
  std::string bytes;  ///< of the file
  HostVolume volume;  ///< empty where no way needs it
};

/// What requests are made of.
struct BenchTarget {
  const Shared* shared = nullptr;
  std::string http_address;  ///< of Way::http
  std::string model, model_version;
  std::optional<std::chrono::milliseconds> timeout;
};

/// What came of one request that was answered.
struct BenchAnswer {
  std::uint64_t bytes_sent = 0, bytes_received = 0;
  std::map<std::string, double> stage_ms;
  std::string labels;  ///< bytes of the first result, where a way brings it as a tensor
};

/// Sends requests one after the other over a connection of its own. Used by one thread.
class BenchSender {
 public:
  virtual ~BenchSender() = default;
  /// Throws Error.
  virtual BenchAnswer send(const BenchImage& image, std::stop_token stop) = 0;
};

/// Throws Error.
std::unique_ptr<BenchSender> make_sender(Way way, const BenchTarget& target);

/// Reads a NIfTI file; with its volume, as float32 if that is asked for. Throws Error naming the file.
BenchImage read_bench_image(const std::string& path, bool with_volume, bool as_float32);

/// KServe's name of a type.
const char* datatype_name(DType type);

}  // namespace voxd::ctl
