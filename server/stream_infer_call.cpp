#include "server/stream_infer_call.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "server/caller.h"
#include "server/errors.h"
#include "server/grpc_status.h"
#include "server/infer_message.h"
#include "server/infer_reply.h"

namespace voxd {

/// One request of the stream and its answer. `call` outlives it, because whoever holds this holds the call.
class StreamInferCall::Exchange final : public JobListener<TensorResult> {
 public:
  explicit Exchange(std::shared_ptr<StreamInferCall> call) : call_(std::move(call)) { record.rpc = "ModelStreamInfer"; }

  InferResponseHead head() const { return {record.model, record.version, record.id}; }

  void on_progress(const JobProgress& progress) noexcept override { record.stage = name_of(progress.stage); }

  void on_done(TensorResult result) noexcept override {
    try {
      grpc::ByteBuffer message = stream_infer_reply(result, head());
      record.stage = "send";
      record.stage_ms = result.stage_ms;
      record.bytes_out = static_cast<std::int64_t>(message.Length()) + shared_bytes(result);
      call_->answer(*this, std::move(message));
    } catch (...) {
      on_error(current_error());
    }
  }

  void on_error(const Error& error) noexcept override {
    record.fail(error);
    call_->answer(*this, stream_infer_error(error, head()));
  }

  // Until the job is queued the reading side's, then the job's, and the writing side's once `answered`.
  RequestRecord record;
  Admission::Ticket ticket;

  // Guarded by the call's mutex.
  std::shared_ptr<TensorJob> job;
  grpc::ByteBuffer reply;
  bool answered = false;

 private:
  const std::shared_ptr<StreamInferCall> call_;
};

StreamInferCall* StreamInferCall::start(grpc::GenericCallbackServerContext& context, Serving& serving) {
  const std::shared_ptr<StreamInferCall> call(new StreamInferCall(context, serving));
  call->self_ = call;
  try {
    serving.authorisation.require(caller_of(context), "ModelStreamInfer");
  } catch (...) {
    call->finished_ = true;
    call->Finish(to_status(current_error()));
    return call.get();
  }
  call->watch_ = serving.stalls.watch([call = call.get()] { call->context_.TryCancel(); });
  call->reading_ = true;
  call->StartRead(&call->message_);
  return call.get();
}

StreamInferCall::StreamInferCall(grpc::GenericCallbackServerContext& context, Serving& serving)
    : context_(context), serving_(serving) {}

void StreamInferCall::OnReadDone(bool ok) {
  std::shared_ptr<Exchange> exchange;
  grpc::ByteBuffer message;
  {
    const std::lock_guard lock(mutex_);
    message.Swap(&message_);  // before an answer on another thread begins the next read
    reading_ = false;
    all_read_ = !ok;
    if (ok && !cancelled_) exchanges_.push_back(exchange = std::make_shared<Exchange>(shared_from_this()));
  }
  if (exchange) {
    try {
      submit(exchange, message);
    } catch (...) {
      exchange->on_error(current_error());
    }
  }
  const std::lock_guard lock(mutex_);
  go_on();
}

void StreamInferCall::submit(const std::shared_ptr<Exchange>& exchange, grpc::ByteBuffer& message) {
  const InferOrigin origin = origin_of(context_, message);
  const std::shared_ptr<TensorJob> job =
      make_infer_job(parse_infer(message), origin, serving_, exchange, exchange->record);
  exchange->ticket = serving_.admit(*job, job->bytes);
  {
    const std::lock_guard lock(mutex_);
    if (cancelled_) throw gone_caller(deadline_of(context_));
    exchange->job = job;
  }
  serving_.queue.push(job);
}

void StreamInferCall::answer(Exchange& exchange, grpc::ByteBuffer reply) {
  const std::lock_guard lock(mutex_);
  exchange.job.reset();
  exchange.reply.Swap(&reply);
  exchange.answered = true;
  go_on();
}

void StreamInferCall::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    watch_->rest();
    end(*exchanges_.front());
    exchanges_.pop_front();
    cancelled_ = cancelled_ || !ok;
  }
  if (!ok) give_up_jobs();
  const std::lock_guard lock(mutex_);
  go_on();
}

void StreamInferCall::OnCancel() {
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
  }
  give_up_jobs();
  const std::lock_guard lock(mutex_);
  go_on();
}

void StreamInferCall::give_up_jobs() {
  std::vector<std::shared_ptr<TensorJob>> jobs;
  {
    const std::lock_guard lock(mutex_);
    for (const std::shared_ptr<Exchange>& exchange : exchanges_)
      if (exchange->job) jobs.push_back(exchange->job);
  }
  for (const std::shared_ptr<TensorJob>& job : jobs) serving_.give_up(*job);
}

// The next read, the next write, or the end. A status may follow only when no read, no write and no job is under way:
// what the jobs hold is counted until then.
void StreamInferCall::go_on() {
  if (finished_) return;
  if (cancelled_) drop_answered();
  if (!cancelled_ && !reading_ && !all_read_ && exchanges_.size() < max_in_flight) {
    reading_ = true;
    StartRead(&message_);
  }
  if (writing_) return;
  if (!cancelled_ && !exchanges_.empty() && exchanges_.front()->answered) {
    writing_ = true;
    watch_->feed(time_for(static_cast<std::int64_t>(exchanges_.front()->reply.Length())));
    StartWrite(&exchanges_.front()->reply);
  } else if (exchanges_.empty() && !reading_ && (cancelled_ || all_read_)) {
    finished_ = true;
    Finish(cancelled_ ? to_status(gone_caller(deadline_of(context_))) : grpc::Status::OK);
  }
}

// But for the one that is being written.
void StreamInferCall::drop_answered() {
  const auto first = exchanges_.begin() + (writing_ ? 1 : 0);
  const auto last =
      std::stable_partition(first, exchanges_.end(), [](const auto& exchange) { return !exchange->answered; });
  for (auto exchange = last; exchange != exchanges_.end(); ++exchange) end(**exchange);
  exchanges_.erase(last, exchanges_.end());
}

// Its share of the limits is free before the client's next request can ask for it.
void StreamInferCall::end(Exchange& exchange) {
  serving_.call_ended(exchange.record);
  exchange.ticket = {};
}

void StreamInferCall::OnDone() {
  watch_.reset();
  const std::shared_ptr<StreamInferCall> last = std::move(self_);
}

}  // namespace voxd
