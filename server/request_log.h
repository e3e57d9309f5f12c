#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gpu_transforms/volume/error.h"
#include "server/job_listener.h"

namespace voxd {

/// What the log says of one call. Nothing of the image, no file names.
struct RequestRecord {
  std::string_view rpc;
  std::string id;     ///< as the client gave it; made printable by log_request
  std::string trace;  ///< of the client's traceparent; empty: none
  std::string model;  ///< empty until the repository knows it
  std::string version;
  std::int64_t bytes_in = 0;
  std::int64_t bytes_out = 0;
  StageTimes stage_ms{};
  std::string_view stage = "receive";  ///< where the call is: this, a job's stage, or "send"
  std::string_view outcome = "OK";     ///< gRPC's name of the code
  std::optional<Code> code;            ///< of the error, if it failed
  std::string detail;                  ///< the error's message

  /// The call ends with an error.
  void fail(const Error& error);
  /// A worker has begun with its job: to make the call again would be to do work again.
  bool has_begun() const { return stage != "receive" && stage != "queue"; }
};

/// One line in the log. Safe from any thread.
void log_request(const RequestRecord& record);

}  // namespace voxd
