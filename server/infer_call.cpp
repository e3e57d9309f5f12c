#include "server/infer_call.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "server/caller.h"
#include "server/errors.h"
#include "server/grpc_status.h"
#include "server/infer_message.h"
#include "server/infer_reply.h"
#include "server/printable.h"

namespace voxd {
namespace {

constexpr const char* kVolumeBytesKey = "x-volume-bytes";

// What the client says that it sends, kept within what it may send.
std::int64_t announced_bytes(const grpc::GenericCallbackServerContext& context, std::int64_t limit) {
  const auto found = context.client_metadata().find(kVolumeBytesKey);
  if (found == context.client_metadata().end()) return limit;
  std::int64_t bytes = 0;
  const char* const begin = found->second.data();
  const char* const end = begin + found->second.size();
  if (std::from_chars(begin, end, bytes).ptr != end || bytes < 0)
    fail(Code::invalid_argument, "metadata ", kVolumeBytesKey, ": is not a number of bytes");
  return std::min(bytes, limit);
}

}  // namespace

InferCall* InferCall::start(grpc::GenericCallbackServerContext& context, Serving& serving) {
  const std::shared_ptr<InferCall> call(new InferCall(context, serving));
  call->self_ = call;
  try {
    call->admit();
    call->watch_ = serving.stalls.watch([call = call.get()] { call->stalled(); });
    call->watch_->feed(time_for(call->ticket_.bytes()));
    call->StartRead(&call->message_);
  } catch (...) {
    call->finish(current_error());
  }
  return call.get();
}

InferCall::InferCall(grpc::GenericCallbackServerContext& context, Serving& serving)
    : context_(context), serving_(serving) {
  record_.rpc = "ModelInfer";
}

void InferCall::admit() {
  const Caller caller = caller_of(context_);
  record_.trace = caller.trace;
  serving_.authorisation.require(caller, "ModelInfer");
  JobTraits traits;
  traits.client = client_of(caller);
  traits.deadline = deadline_of(context_);
  ticket_ =
      serving_.admit(traits, announced_bytes(context_, serving_.limits.max_image_bytes) + RequestLimits::header_bytes);
}

void InferCall::OnReadDone(bool ok) {
  watch_->rest();
  try {
    if (!ok) throw gone_caller(deadline_of(context_));
    submit();
  } catch (...) {
    finish(current_error());
  }
}

void InferCall::submit() {
  const InferOrigin origin = origin_of(context_, message_);
  ParsedInfer parsed = parse_infer(message_);
  std::shared_ptr<TensorJob> job;
  {
    const std::lock_guard lock(mutex_);
    job = make_infer_job(std::move(parsed), origin, serving_, shared_from_this(), record_);
    if (job->bytes > ticket_.bytes())
      fail(Code::invalid_argument, "request: ", job->bytes, " bytes came, at most ", ticket_.bytes(),
           " were announced");
    ticket_.shrink_to(job->bytes);
    if (cancelled_) throw gone_caller(deadline_of(context_));
    job_ = job;
  }
  serving_.queue.push(job);
}

void InferCall::OnCancel() {
  std::shared_ptr<TensorJob> job;
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    job = job_;
    // The status that was sent along with the answer never arrived.
    if (record_.stage == "send" && !record_.code) record_.fail(gone_caller(deadline_of(context_)));
  }
  if (job) serving_.give_up(*job);
}

void InferCall::on_progress(const JobProgress& progress) noexcept {
  const std::lock_guard lock(mutex_);
  record_.stage = name_of(progress.stage);
}

void InferCall::on_done(TensorResult result) noexcept {
  try {
    reply_ = infer_reply(result, {record_.model, record_.version, record_.id});
  } catch (...) {
    finish(current_error());
    return;
  }
  const std::lock_guard lock(mutex_);
  job_.reset();
  if (finished_) return;
  finished_ = true;
  record_.stage = "send";
  record_.stage_ms = result.stage_ms;
  record_.bytes_out = static_cast<std::int64_t>(reply_.Length()) + shared_bytes(result);
  watch_->feed(time_for(static_cast<std::int64_t>(reply_.Length())));
  StartWriteAndFinish(&reply_, {}, grpc::Status::OK);
}

void InferCall::on_error(const Error& error) noexcept { finish(error); }

void InferCall::finish(const Error& error) {
  const std::lock_guard lock(mutex_);
  job_.reset();
  if (finished_) return;
  finished_ = true;
  record_.fail(error);
  if (!record_.has_begun()) add_error_trailers(context_, error, serving_.retry_ms());
  Finish(to_status(error));
}

void InferCall::stalled() {
  {
    const std::lock_guard lock(mutex_);
    if (finished_) {
      record_.fail(Error(Code::deadline_exceeded, "the caller takes no more of the answer"));
      context_.TryCancel();
      return;
    }
  }
  finish(
      Error(Code::deadline_exceeded, concatenated("request: did not come in time, ", serving_.stalls.patience().count(),
                                                  " s and one for each MiB (--stall-timeout)")));
}

void InferCall::OnDone() {
  watch_.reset();
  {
    const std::lock_guard lock(mutex_);
    serving_.call_ended(record_);
  }
  reply_.Clear();
  ticket_ = {};
  const std::shared_ptr<InferCall> last = std::move(self_);
}

}  // namespace voxd
