#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "server/infer_parser.h"
#include "server/request_log.h"
#include "server/serving.h"
#include "server/tensor_job.h"

namespace voxd {

/// Where a request for an inference came from.
struct InferOrigin {
  SharedMemory::Caller caller;
  std::string client;                         ///< for taking turns
  std::string trace;                          ///< of the caller's traceparent; empty: none
  std::optional<Clock::time_point> deadline;  ///< of the call
  std::int64_t message_bytes = 0;
};

/// Checks a request and makes the job that it asks for; whoever called admits and queues it. The job's bytes are those
/// of the message and what it will read from shared memory: what Admission counts. Fills in what the log will say of
/// the request, as far as it is known when something is wrong. Throws Error.
std::shared_ptr<TensorJob> make_infer_job(ParsedInfer parsed, const InferOrigin& origin, const Serving& serving,
                                          std::shared_ptr<JobListener<TensorResult>> listener, RequestRecord& record);

}  // namespace voxd
