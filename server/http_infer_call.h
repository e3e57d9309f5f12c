#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "server/caller.h"
#include "server/file_descriptor.h"
#include "server/http_connection.h"
#include "server/infer_job.h"
#include "server/infer_json.h"
#include "server/kserve_rest.h"

namespace voxd {

/// One KServe request for an inference over HTTP: admitted on its headers, its JSON read and then each binary tensor
/// straight into the memory that becomes the image, run as a TensorJob, answered from the results in place. The
/// connection's thread waits for the job, whose worker waits for nobody; a client that goes away cancels it. That
/// thread and the job's meet here; what both use is guarded by mutex_.
class HttpInferCall final : public JobListener<TensorResult>, public std::enable_shared_from_this<HttpInferCall> {
 public:
  /// Fills in the response, an error's as well. `serving` must outlive it.
  static void answer(Serving& serving, HttpConnection& connection, const Caller& caller, const RestTarget& target,
                     const httplib::Request& request, httplib::Response& response);

  void on_progress(const JobProgress& progress) noexcept override;
  void on_done(TensorResult result) noexcept override;
  void on_error(const Error& error) noexcept override;

 private:
  HttpInferCall(Serving& serving, HttpConnection& connection, const Caller& caller);

  void run(const RestTarget& target, const httplib::Request& request);
  void admit(const httplib::Request& request);
  std::string receive_json(const httplib::Request& request);
  void receive_binaries();
  std::shared_ptr<TensorJob> make_job();
  void wait_for(TensorJob& job);
  void reply(httplib::Response& response);
  void fail_call(const Error& error, httplib::Response& response);
  void ended(bool sent);
  std::optional<std::chrono::duration<double>> time_to_move(std::int64_t bytes) const;

  Serving& serving_;
  HttpConnection& connection_;
  const Caller caller_;
  const FileDescriptor done_;  // an event: the job has answered
  Admission::Ticket ticket_;
  std::int64_t bytes_in_ = 0;
  int refusal_status_ = 0;  // HTTP's, where it says more than the error's code
  InferJson request_;

  std::mutex mutex_;
  RequestRecord record_;
  std::optional<TensorResult> result_;
  std::optional<Error> error_;
};

}  // namespace voxd
