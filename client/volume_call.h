#pragma once

// Volumes in memory through a server's models: what SegmentationClient::infer() takes and gives.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace voxd {

/// Names of element types on the wire: "INT16", "UINT8", "FP32", ...
template <class T>
inline constexpr const char* datatype_of = nullptr;
template <>
inline constexpr const char* datatype_of<std::int16_t> = "INT16";
template <>
inline constexpr const char* datatype_of<std::uint16_t> = "UINT16";
template <>
inline constexpr const char* datatype_of<std::uint8_t> = "UINT8";
template <>
inline constexpr const char* datatype_of<std::int32_t> = "INT32";
template <>
inline constexpr const char* datatype_of<float> = "FP32";
template <>
inline constexpr const char* datatype_of<double> = "FP64";

/// A tensor as a model declares it; -1 is an axis of any length.
struct TensorInfo {
  std::string name, datatype;
  std::vector<std::int64_t> shape;
};
struct ModelTensors {
  std::string version;
  std::vector<TensorInfo> inputs, outputs;
};

/// A result that is wanted. Where `target` is given it lies in the volume's shared memory, and the result is written
/// there.
struct WantedOutput {
  std::string name;  ///< "MASK"
  std::span<std::byte> target = {};
};

class SharedMemoryBlock;

/// One volume and what is asked of it. CT and MR images are whole numbers of 16 bits; sent as such they are half as
/// many bytes as float32, and the label maps that come back are uint8.
struct VolumeInput {
  std::string model;
  std::string model_version;                      ///< decimal; empty: the newest
  std::array<std::int64_t, 4> shape{1, 0, 0, 0};  ///< channels and voxels along X, Y, Z
  std::string datatype;                           ///< of `voxels`, KServe's name
  /// Row-major, Z contiguous, little-endian. Not copied; must stay as it is until the call returns.
  std::span<const std::byte> voxels;
  /// Where `voxels` and all targets lie, if in memory that the server reads itself; else null.
  const SharedMemoryBlock* shared = nullptr;
  std::vector<WantedOutput> outputs;                 ///< empty: all that the model has
  std::optional<std::array<double, 16>> affine;      ///< voxel index to millimetres (RAS+), row by row; none: identity
  std::string request_id;                            ///< shows in the server's log
  std::int32_t priority = 0;                         ///< higher goes first; the server takes 0 and below
  std::optional<std::chrono::milliseconds> timeout;  ///< of the whole call with its retries; none: no limit

  /// A volume of one channel whose elements are of a type that datatype_of names.
  template <class T>
  static VolumeInput of(std::string model_name, std::array<std::int64_t, 3> size, std::span<const T> elements) {
    static_assert(datatype_of<T> != nullptr);
    VolumeInput input;
    input.model = std::move(model_name);
    input.shape = {1, size[0], size[1], size[2]};
    input.datatype = datatype_of<T>;
    input.voxels = std::as_bytes(elements);
    return input;
  }
};

/// A result tensor; `bytes` is empty where it went to a target.
struct OutputTensorData {
  std::string name, datatype;
  std::vector<std::int64_t> shape;
  std::string bytes;
};

struct VolumeOutcome {
  std::string model_version;
  std::vector<OutputTensorData> outputs;   ///< in the order asked for
  std::map<std::string, double> stage_ms;  ///< decode, queue, pre, network, post, encode: milliseconds
  int attempts = 1;

  /// Throws Error{not_found}.
  const OutputTensorData& output(const std::string& name) const;
};

}  // namespace voxd
