#include "server/http_infer_call.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "server/errors.h"
#include "server/http_errors.h"
#include "server/infer_json_reply.h"
#include "server/infer_message.h"
#include "server/printable.h"

namespace voxd {
namespace {

constexpr const char* kVolumeBytes = "x-volume-bytes";
constexpr const char* kHeaderLength = "Inference-Header-Content-Length";
constexpr int kTooLarge = 413;

std::int64_t number_in_header(const httplib::Request& request, const char* name) {
  const std::string text = request.get_header_value(name);
  std::int64_t number = -1;
  const char* const end = text.data() + text.size();
  if (std::from_chars(text.data(), end, number).ptr != end || number < 0)
    fail(Code::invalid_argument, name, ": '", printable(text), "' is not a number of bytes");
  return number;
}

}  // namespace

void HttpInferCall::answer(Serving& serving, HttpConnection& connection, const Caller& caller, const RestTarget& target,
                           const httplib::Request& request, httplib::Response& response) {
  const std::shared_ptr<HttpInferCall> call(new HttpInferCall(serving, connection, caller));
  try {
    call->run(target, request);
    call->reply(response);
  } catch (...) {
    call->fail_call(current_error(), response);
  }
}

HttpInferCall::HttpInferCall(Serving& serving, HttpConnection& connection, const Caller& caller)
    : serving_(serving), connection_(connection), caller_(caller), done_(::eventfd(0, EFD_CLOEXEC)) {
  record_.rpc = "HttpInfer";
  record_.trace = caller.trace;
}

void HttpInferCall::run(const RestTarget& target, const httplib::Request& request) {
  if (!done_.is_open()) fail(Code::resource_exhausted, "no file descriptor is left");
  serving_.authorisation.require(caller_, "ModelInfer");
  serving_.find_model(target.model, target.version);
  refuse_compressed(request);
  admit(request);
  connection_.allow(time_to_move(ticket_.bytes()));
  request_ = parse_infer_json(receive_json(request));
  receive_binaries();
  connection_.allow(std::nullopt);
  request_.parsed.request.set_model_name(target.model);
  request_.parsed.request.set_model_version(target.version);
  const std::shared_ptr<TensorJob> job = make_job();
  serving_.queue.push(job);
  wait_for(*job);
}

// What a body in chunks will bring is not known, so memory for the largest image is reserved, or what the client
// announces.
void HttpInferCall::admit(const httplib::Request& request) {
  const std::int64_t most = serving_.limits.max_image_bytes + RequestLimits::header_bytes;
  std::int64_t bytes = most;
  if (const std::optional<std::int64_t> length = connection_.body.length())
    bytes = *length;
  else if (request.has_header(kVolumeBytes))
    bytes = std::min(most, number_in_header(request, kVolumeBytes) + RequestLimits::header_bytes);
  if (bytes > most) {
    refusal_status_ = kTooLarge;
    fail(Code::invalid_argument, "request: ", bytes, " bytes, at most ", most, " (--max-image-bytes)");
  }
  JobTraits traits;
  traits.client = client_of(caller_);
  ticket_ = serving_.admit(traits, bytes);
}

// All of the body, or as much of it as the header says.
std::string HttpInferCall::receive_json(const httplib::Request& request) {
  constexpr std::int64_t most = RequestLimits::header_bytes;
  std::int64_t expected = connection_.body.length().value_or(most + 1);
  const bool is_part = request.has_header(kHeaderLength);
  if (is_part) {
    const std::int64_t part = number_in_header(request, kHeaderLength);
    if (connection_.body.length() && part > expected)
      fail(Code::invalid_argument, kHeaderLength, ": ", part, " bytes, the body has ", expected);
    expected = part;
  }
  std::string json(static_cast<std::size_t>(std::clamp<std::int64_t>(expected, 0, most + 1)), '\0');
  const std::size_t came = expected > most && connection_.body.length()
                               ? json.size()
                               : connection_.body.read(std::as_writable_bytes(std::span(json)));
  if (static_cast<std::int64_t>(came) > most)
    fail(Code::invalid_argument, "request: more than ", most,
         " bytes of JSON; large tensors must be sent as binary data");
  if (is_part && came < json.size())
    fail(Code::invalid_argument, kHeaderLength, ": ", expected, " bytes, the body has ", came);
  json.resize(came);
  bytes_in_ = static_cast<std::int64_t>(came);
  return json;
}

void HttpInferCall::receive_binaries() {
  const std::int64_t most = connection_.body.length().value_or(ticket_.bytes()) - bytes_in_;
  if (request_.binary_bytes > most)
    fail(Code::invalid_argument, "binary data: ", request_.binary_bytes, " bytes are announced in the inputs, at most ",
         most, " can follow the JSON");
  if (connection_.body.length() && request_.binary_bytes < most)
    fail(Code::invalid_argument, "unexpected additional input data: ", most, " bytes follow the JSON, ",
         request_.binary_bytes, " are announced in the inputs");
  for (const InferJson::Binary& binary : request_.binaries) {
    if (binary.size == 0) continue;
    const auto buffer = std::make_shared<HostBuffer>(serving_.staging(static_cast<std::size_t>(binary.size)));
    const std::size_t came = connection_.body.read(buffer->bytes());
    if (static_cast<std::int64_t>(came) < binary.size)
      fail(Code::invalid_argument, "unexpected size for input: ", binary.size, " bytes of binary data, got ", came);
    request_.parsed.raw_inputs[binary.raw_input] = {{buffer->bytes()}, binary.size, buffer, buffer};
    bytes_in_ += binary.size;
  }
  std::byte more{};
  if (connection_.body.read({&more, 1}) > 0)
    fail(Code::invalid_argument, "unexpected additional input data: more than ", request_.binary_bytes,
         " bytes follow the JSON");
}

// What tensors in shared memory bring was not known when the call was admitted.
std::shared_ptr<TensorJob> HttpInferCall::make_job() {
  const InferOrigin origin{{caller_.peer, identity_of(caller_)}, client_of(caller_), caller_.trace, {}, bytes_in_};
  std::shared_ptr<TensorJob> job;
  {
    const std::lock_guard lock(mutex_);
    job = make_infer_job(std::move(request_.parsed), origin, serving_, shared_from_this(), record_);
  }
  if (job->bytes > ticket_.bytes()) {
    ticket_ = {};
    ticket_ = serving_.admit(*job, job->bytes);
  }
  ticket_.shrink_to(job->bytes);
  return job;
}

// The job has answered when this returns, even where nobody wants its answer any more: until then its memory counts.
void HttpInferCall::wait_for(TensorJob& job) {
  const HttpConnection::Event event = connection_.wait_for(done_.number());
  if (event != HttpConnection::Event::happened) serving_.give_up(job);
  ::eventfd_t count = 0;
  while (::eventfd_read(done_.number(), &count) != 0) {
  }
  const std::lock_guard lock(mutex_);
  if (event == HttpConnection::Event::stopping) fail(Code::unavailable, "the server is stopping");
  if (error_) throw Error(*error_);
}

void HttpInferCall::on_progress(const JobProgress& progress) noexcept {
  const std::lock_guard lock(mutex_);
  record_.stage = name_of(progress.stage);
}

void HttpInferCall::on_done(TensorResult result) noexcept {
  {
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
  }
  ::eventfd_write(done_.number(), 1);
}

void HttpInferCall::on_error(const Error& error) noexcept {
  {
    const std::lock_guard lock(mutex_);
    error_ = error;
  }
  ::eventfd_write(done_.number(), 1);
}

void HttpInferCall::reply(httplib::Response& response) {
  const std::lock_guard lock(mutex_);
  const auto reply = std::make_shared<const InferJsonReply>(
      *result_, InferResponseHead{record_.model, record_.version, record_.id}, request_);
  const auto size = static_cast<std::int64_t>(reply->size());
  record_.stage = "send";
  record_.stage_ms = result_->stage_ms;
  record_.bytes_out = size + shared_bytes(*result_);
  result_.reset();
  if (reply->json_size()) response.set_header(kHeaderLength, std::to_string(*reply->json_size()));
  connection_.allow(time_to_move(size));
  response.set_content_provider(
      reply->size(), reply->json_size() ? "application/octet-stream" : "application/json",
      [reply](std::size_t, std::size_t, httplib::DataSink& sink) {
        return reply->write([&sink](std::string_view piece) { return sink.write(piece.data(), piece.size()); });
      },
      [call = shared_from_this()](bool sent) { call->ended(sent); });
}

void HttpInferCall::fail_call(const Error& error, httplib::Response& response) {
  {
    const std::lock_guard lock(mutex_);
    record_.bytes_in = std::max(record_.bytes_in, bytes_in_);
    record_.fail(error);
    serving_.call_ended(record_);
  }
  ticket_ = {};
  connection_.allow(time_to_move(0));
  answer_error(error, serving_, response);
  if (refusal_status_ != 0) response.status = refusal_status_;
}

void HttpInferCall::ended(bool sent) {
  const std::lock_guard lock(mutex_);
  if (!sent) {
    if (connection_.is_late())
      record_.fail(Error(Code::deadline_exceeded, "the caller takes no more of the answer"));
    else
      record_.fail(Error(Code::cancelled, "the connection ended before the answer was taken"));
  }
  serving_.call_ended(record_);
  ticket_ = {};
}

// StallGuard's rule; where it is off, any time.
std::optional<std::chrono::duration<double>> HttpInferCall::time_to_move(std::int64_t bytes) const {
  const std::chrono::duration<double> patience = serving_.stalls.patience();
  if (patience.count() <= 0) return std::nullopt;
  return patience + time_for(bytes);
}

}  // namespace voxd
