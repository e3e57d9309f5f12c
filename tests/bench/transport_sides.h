#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "grpc_service.grpc.pb.h"
#include "tests/bench/child_process.h"
#include "voxd/v1/segmentation.grpc.pb.h"

namespace voxd::bench {

/// A server of serve_transport() in a process of its own, which ends with it. Used by one thread.
class ServerProcess {
 public:
  /// `program` is transport_bench itself. Throws Error{internal} if it does not start.
  ServerProcess(const std::string& program, const std::string& kind, std::int64_t queue_bytes = 0);

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string http_address() const { return "127.0.0.1:" + std::to_string(http_port_); }
  int port() const { return port_; }
  int http_port() const { return http_port_; }

  struct Usage {
    std::int64_t minor_faults = 0, resident_kb = 0, peak_kb = 0;
  };
  Usage usage();
  /// From now on the peak is that of what follows.
  void reset_peak();

 private:
  ChildProcess process_;
  int port_ = 0, http_port_ = 0;
};

/// The generated code's client, as a user of Triton has it: the volume goes into a message, the labels come out of one.
/// Used by one thread.
class TypedClient {
 public:
  explicit TypedClient(const std::string& address);
  /// `volume` to both label maps, one after the other in `labels`.
  grpc::Status infer(std::span<const std::byte> volume, std::span<std::byte> labels);

 private:
  std::unique_ptr<inference::GRPCInferenceService::Stub> stub_;
};

/// A Segment call that was accepted and sends nothing: it has its share of the server's memory for images. Used by one
/// thread.
class HeldCall {
 public:
  /// Throws Error{internal} if the server does not take it.
  HeldCall(const std::string& address, const std::string& model, std::int64_t image_bytes);
  ~HeldCall();
  HeldCall(const HeldCall&) = delete;
  HeldCall& operator=(const HeldCall&) = delete;

 private:
  const std::unique_ptr<v1::Segmentation::Stub> stub_;
  grpc::ClientContext context_;
  const std::unique_ptr<grpc::ClientReaderWriter<v1::SegmentRequest, v1::SegmentEvent>> stream_;
};

}  // namespace voxd::bench
