#pragma once

// The C++ client of voxd. Link voxd::client; no gRPC is needed to compile against it. One call from an image file to a
// mask (the whole program is client/example.cpp):
//
//   voxd::SegmentationClient client("127.0.0.1:8001");
//   voxd::SegmentationInput input;
//   input.model = "brain_extraction";
//   input.parts = {voxd::ImagePart::file("head.nii.gz")};
//   try {
//     const voxd::SegmentationOutcome outcome = client.segment(input);
//     std::ofstream("mask.nii.gz", std::ios::binary) << outcome.mask;
//   } catch (const voxd::Error& error) {
//     std::cerr << error.what() << '\n';   // error.code() says which kind of fault it was
//   }
//
// A volume that is in memory already goes without a file, and comes back as labels in memory:
//
//   const auto input = voxd::VolumeInput::of<std::int16_t>("spleen_seg", {512, 512, 114}, voxels);
//   const std::string& labels = client.infer(input).output("MASK").bytes;
//
// Every failure is a voxd::Error: the server's code and text where the server refused, Code::unavailable where none was
// reached, Code::cancelled and Code::deadline_exceeded where the caller's stop token or time limit ended the call.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/volume_call.h"
#include "gpu_transforms/volume/error.h"

namespace voxd {

/// One file of an image: a NIfTI, one file of a DICOM series, or one channel.
struct ImagePart {
  std::string file_name;  ///< a hint on the format for the server, no path
  std::string format;     ///< "nifti", "dicom", or empty: the server looks at the first bytes
  std::variant<std::filesystem::path, std::span<const std::byte>> source;
  std::string channel = {};  ///< the input channel that it is, "T1c"; empty in all parts: their order says

  /// The file is read while it is sent; it must be a regular file and keep its size until then.
  static ImagePart file(const std::filesystem::path& path) { return {path.filename().string(), "", path}; }
  /// The bytes must stay as they are until segment() returns.
  static ImagePart memory(std::string file_name, std::span<const std::byte> bytes) {
    return {std::move(file_name), "", bytes};
  }
};

/// How a label map comes back: a .nii.gz, a .nii, or its voxels alone.
enum class LabelFormat { nifti_gz, nifti, raw };

/// What a label map's numbers are and where they lie.
struct LabelGrid {
  std::string datatype;                ///< "UINT8", or "UINT16" (little endian) where a label is above 255
  std::array<std::int64_t, 3> size{};  ///< voxels; in raw bytes the last axis is the fastest
  std::array<double, 16> affine{};     ///< row by row, from voxel indices to millimetres, RAS
};

/// What one call asks for.
struct SegmentationInput {
  std::string model;             ///< name of the bundle's folder on the server
  std::string model_version;     ///< decimal; empty: the newest
  std::vector<ImagePart> parts;  ///< at least one
  std::string request_id;        ///< shows in the report and the server's logs; empty: the server makes one
  bool mask = true;              ///< which results to send back
  bool contour = false;
  bool probabilities = false;
  bool dicom_seg = false;          ///< of a DICOM series: the label map as a DICOM segmentation
  bool dicom_rtstruct = false;     ///< the same as a DICOM RT structure set
  bool rtstruct_keyholes = false;  ///< there each hole is a part of the outline around it, for readers that know none
  bool preview = false;
  bool report = false;
  LabelFormat mask_format = LabelFormat::nifti_gz;
  LabelFormat contour_format = LabelFormat::nifti_gz;
  std::int32_t priority = 0;                         ///< higher goes first
  std::optional<std::chrono::milliseconds> timeout;  ///< of the whole call, upload and waiting included; none: no limit
};

/// What came back. A result that was not asked for is empty.
struct SegmentationOutcome {
  std::string request_id;
  std::string model_version;  ///< the version that answered
  std::string mask;           ///< label map on the input's grid, in `mask_format`
  std::string contour;        ///< the label map's boundary voxels, in `contour_format`
  LabelGrid mask_grid, contour_grid;
  std::string probabilities;   ///< bytes of a .nii.gz: float32, classes along the fourth axis
  std::string dicom_seg;       ///< bytes of a DICOM file; empty where there is none, as `warnings` then says
  std::string dicom_rtstruct;  ///< the same
  std::string preview;         ///< bytes of a PNG
  std::string report;          ///< JSON
  std::map<std::string, double> stage_ms;  ///< decode, queue, pre, network, post, encode: milliseconds
  std::vector<std::string> warnings;       ///< of the image: what was left out of a series or looks unusual
};

/// How far a call is. `stage` is one of receive, queue, decode, pre, network, post, encode.
struct SegmentationProgress {
  std::string_view stage;
  double fraction = 0;               ///< of the stage, 0..1
  std::uint32_t queue_position = 0;  ///< in stage queue: jobs ahead
  double wait_seconds = 0;           ///< in stage queue: until the job runs, as the server estimates; 0: not known
};

/// A model of the server's repository.
struct ServedModel {
  std::string name, version;
  bool ready = false;
  std::string reason;  ///< why it is not ready
  std::string description, task;
  std::vector<std::string> input_channels;  ///< names of the image's channels, in order; may be empty
  bool has_probabilities = false;           ///< whether SegmentationInput::probabilities can be asked for
};

/// How a client proves who it is, and the server to it. Files are PEM and are read once.
struct ClientSecurity {
  std::filesystem::path ca;           ///< authorities that may have signed the server's certificate; empty: no TLS
  std::filesystem::path certificate;  ///< the client's own chain, where the server asks for one; with its key
  std::filesystem::path key;
  std::string token;        ///< sent with every call; only over TLS, loopback or a unix socket
  std::string server_name;  ///< that the server's certificate is good for, where it is not the address's host
};

struct ClientOptions {
  std::size_t chunk_bytes = std::size_t{1} << 20;           ///< of the upload; the server's own limit holds as well
  std::uint64_t max_result_bytes = std::uint64_t{4} << 30;  ///< a server that announces a larger result is refused
  std::chrono::milliseconds small_call_timeout{10'000};     ///< of models() and of a health() that does not wait
  std::chrono::milliseconds model_call_timeout{600'000};    ///< of load() and unload()
  int attempts = 4;  ///< of infer(), where the server has no room yet and says when to come again; 1: no retries
  ClientSecurity security = {};
};

/// One server, seen from a client. Holds one connection, opened by the first call and again whenever it was lost.
/// Safe from any thread; calls run side by side.
class SegmentationClient {
 public:
  using Progress = std::function<void(const SegmentationProgress&)>;

  /// `address` is host:port or unix:path. Does not connect. Throws Error{invalid_argument} for a file that cannot be
  /// read and for a token that would go over a network in clear.
  explicit SegmentationClient(std::string address, ClientOptions options = {});
  ~SegmentationClient();
  SegmentationClient(const SegmentationClient&) = delete;
  SegmentationClient& operator=(const SegmentationClient&) = delete;

  /// Sends the image and returns when every result is there. The upload starts once the server has accepted the call,
  /// and runs beside the reading of its events. `progress` is called from the calling thread and should be quick; what
  /// it throws ends the call and comes out of here. `stop` ends the call from any thread. Throws Error{not_found} for a
  /// part that does not exist, Error{data_loss} for one that changed its size meanwhile or for an answer that is not
  /// whole.
  SegmentationOutcome segment(const SegmentationInput& input, const Progress& progress = {}, std::stop_token stop = {});

  /// A volume in memory through a model: KServe's ModelInfer, its voxels sent from where they are. Returns when the
  /// results are there. Comes again, within `timeout` and at most `attempts` times, when a server that is full says
  /// when to; a call that may have begun is never repeated. `stop` ends the call from any thread. The voxels are not
  /// looked at any more once this has returned or thrown.
  VolumeOutcome infer(const VolumeInput& input, std::stop_token stop = {});
  /// The tensors that a model takes and gives. Asked for once for each model, by infer() as well.
  ModelTensors tensors(const std::string& model, const std::string& version = {});

  /// The models of the repository, ready or not.
  std::vector<ServedModel> models();

  /// Brings a model to what the server's repository now has, and returns when that serves: the server must run with
  /// --model-control. Throws Error{failed_precondition} with the reason when it cannot be loaded (what served before
  /// goes on), Error{permission_denied} and Error{not_found}. Waits at most `model_call_timeout`, as unload() does.
  void load(const std::string& model);
  /// From now on the model answers "not ready"; calls that have it end as usual.
  void unload(const std::string& model);

  /// Returns when the server says that it serves; waits at most `wait` for that, through refused connections and
  /// restarts. With no wait the server is asked once. Throws Error{unavailable} saying what was seen last.
  void health(std::chrono::milliseconds wait = {});

 private:
  friend class SharedMemoryBlock;
  void register_shared_memory(const std::string& name, const std::string& key, std::uint64_t size);
  void unregister_shared_memory(const std::string& name);

  struct Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace voxd
