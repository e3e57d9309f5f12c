#include "server/segment_call.h"

#include <grpcpp/server_context.h>

#include <algorithm>
#include <utility>

#include "server/caller.h"
#include "server/errors.h"
#include "server/grpc_status.h"
#include "server/printable.h"

namespace voxd {
namespace {

constexpr std::size_t kMaxRequestIdLength = 128;
constexpr int kMaxPriority = 10;

std::string checked_request_id(const std::string& id) {
  if (id.empty()) return make_request_id();
  const bool is_printable = std::all_of(id.begin(), id.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (id.size() > kMaxRequestIdLength || !is_printable)
    fail(Code::invalid_argument, "request_id: '", printable(id), "' (", id.size(), " bytes), at most ",
         kMaxRequestIdLength, " printable ASCII characters");
  return id;
}

LabelFileFormat checked_format(const char* field, v1::Options::LabelFormat format) {
  switch (format) {
    case v1::Options::NIFTI_GZ: return LabelFileFormat::nifti_gz;
    case v1::Options::NIFTI: return LabelFileFormat::nifti;
    case v1::Options::RAW: return LabelFileFormat::raw;
    default:
      fail(Code::invalid_argument, field, ": ", static_cast<int>(format), ", known are 0 to ",
           static_cast<int>(v1::Options::LabelFormat_MAX));
  }
}

SegmentationOptions checked_options(const v1::Options& asked, const PipelineDescription& description) {
  const SegmentationOptions options{.mask = !asked.omit_mask(),
                                    .contour = asked.contour(),
                                    .probabilities = asked.probabilities(),
                                    .dicom_seg = asked.dicom_seg(),
                                    .dicom_rtstruct = asked.dicom_rtstruct(),
                                    .preview = asked.preview(),
                                    .report = asked.report(),
                                    .mask_format = checked_format("options.mask_format", asked.mask_format()),
                                    .contour_format = checked_format("options.contour_format", asked.contour_format()),
                                    .rtstruct_holes = asked.rtstruct_keyholes() ? Holes::keyholes : Holes::outlines};
  if (options.count() == 0) fail(Code::invalid_argument, "options: no result is asked for");
  const char* const on_the_image = options.preview          ? "options.preview"
                                   : options.dicom_seg      ? "options.dicom_seg"
                                   : options.dicom_rtstruct ? "options.dicom_rtstruct"
                                                            : nullptr;
  if (on_the_image != nullptr && !description.ends_on_input_grid)
    fail(Code::failed_precondition, on_the_image, ": model '", description.name,
         "' answers on another grid than the image's, its chain does not end with Invertd");
  if (options.probabilities && !description.has_probabilities)
    fail(Code::failed_precondition, "options.probabilities: model '", description.name,
         "' has none, its chain makes no labels of scores");
  return options;
}

int checked_priority(int priority) {
  if (priority < -kMaxPriority || priority > kMaxPriority)
    fail(Code::invalid_argument, "options.priority: ", priority, ", from -", kMaxPriority, " to ", kMaxPriority);
  return priority;
}

std::vector<PartDescription> described(const v1::Open& open) {
  std::vector<PartDescription> parts;
  for (const v1::Part& part : open.parts())
    parts.push_back({part.id(), part.format(), part.byte_size(), part.channel()});
  return parts;
}

}  // namespace

SegmentCall* SegmentCall::start(grpc::CallbackServerContext& context, Serving& serving) {
  const std::shared_ptr<SegmentCall> call(new SegmentCall(context, serving));
  call->self_ = call;
  call->watch_ = serving.stalls.watch([call = call.get()] { call->stalled(); });
  call->watch_->feed();
  call->StartRead(&call->request_);
  return call.get();
}

SegmentCall::SegmentCall(grpc::CallbackServerContext& context, Serving& serving)
    : context_(context), serving_(serving), deadline_(deadline_of(context)) {
  record_.rpc = "Segment";
}

void SegmentCall::OnReadDone(bool ok) {
  try {
    if (!ok) {
      note_read(false);
      submit();
      return;
    }
    note_read(true);
    take(request_);
  } catch (...) {
    finish(current_error());
    return;
  }
  StartRead(&request_);
}

void SegmentCall::take(const v1::SegmentRequest& request) {
  switch (request.message_case()) {
    case v1::SegmentRequest::kOpen: open(request.open()); return;
    case v1::SegmentRequest::kChunk: break;
    case v1::SegmentRequest::MESSAGE_NOT_SET: fail(Code::invalid_argument, "message: neither open nor chunk");
  }
  if (!upload_) fail(Code::invalid_argument, "message: a chunk before open");
  upload_->add(request.chunk().part_id(), request.chunk().offset(), request.chunk().data());
  v1::Progress progress;
  progress.set_stage(v1::Progress::RECEIVE);
  progress.set_fraction(static_cast<float>(upload_->fraction()));
  const std::lock_guard lock(mutex_);
  events_.progress(progress);
  send_next();
}

void SegmentCall::open(const v1::Open& open) {
  if (upload_) fail(Code::invalid_argument, "message: a second open");
  const std::string id = checked_request_id(open.request_id());
  const Caller caller = caller_of(context_);
  {
    const std::lock_guard lock(mutex_);
    record_.id = id;
    record_.trace = caller.trace;
  }
  serving_.authorisation.require(caller, "Segment");
  if (serving_.admission.closed()) fail(Code::unavailable, "the server is stopping and takes no new calls");
  model_ = serving_.find_model(open.model(), open.model_version());
  options_ = checked_options(open.options(), model_->pipeline->description());
  std::vector<PartDescription> parts = described(open);
  const std::int64_t total = check_parts(parts, serving_.limits);
  parts = in_channel_order(std::move(parts), model_->pipeline->description());
  traits_ = serving_.traits_of(*model_, client_of(caller), total);
  traits_.priority = checked_priority(open.options().priority());
  traits_.deadline = deadline_;
  ticket_ = serving_.admit(traits_, total);
  upload_.emplace(parts, serving_.limits, serving_.staging);

  v1::Accepted accepted;
  accepted.set_request_id(id);
  accepted.set_model_version(model_->version);
  accepted.set_max_chunk_bytes(serving_.limits.max_chunk_bytes);
  const std::lock_guard lock(mutex_);
  record_.model = model_->name;
  record_.version = model_->version;
  record_.bytes_in = total;
  events_.accept(std::move(accepted));
  send_next();
}

void SegmentCall::submit() {
  check_deadline(deadline_);
  if (context_.IsCancelled()) throw gone_caller(deadline_);
  if (!upload_) fail(Code::invalid_argument, "the call ended before an open message came");
  SegmentationRequest request{record_.id,      record_.trace, model_,
                              upload_->take(), options_,      serving_.limits.max_image_bytes};
  const auto job = std::make_shared<SegmentationJob>(std::move(request), shared_from_this(), serving_.records);
  static_cast<JobTraits&>(*job) = traits_;
  {
    const std::lock_guard lock(mutex_);
    if (cancelled_ || error_) throw gone_caller(deadline_);
    job_ = job;
  }
  serving_.queue.push(job);
}

void SegmentCall::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  expect_caller();
  if (!ok && !error_) error_ = gone_caller(deadline_);
  if (error_ && job_) job_->cancel.cancel();
  send_next();
}

void SegmentCall::OnCancel() {
  std::shared_ptr<SegmentationJob> job;
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    job = job_;
  }
  if (job) serving_.give_up(*job);
}

void SegmentCall::on_progress(const JobProgress& progress) noexcept {
  const std::lock_guard lock(mutex_);
  record_.stage = name_of(progress.stage);
  events_.progress(to_proto(progress));
  send_next();
}

void SegmentCall::on_done(SegmentationResult result) noexcept {
  const std::lock_guard lock(mutex_);
  record_.stage = "send";
  record_.stage_ms = result.stage_ms;
  for (const ResultFile& file : result.files) record_.bytes_out += static_cast<std::int64_t>(file.bytes.size());
  events_.result(std::move(result), record_.version);
  job_.reset();
  send_next();
}

void SegmentCall::on_error(const Error& error) noexcept { finish(error); }

void SegmentCall::finish(const Error& error) {
  const std::lock_guard lock(mutex_);
  job_.reset();
  if (!error_) error_ = error;
  send_next();
}

// The caller has done something, and is to go on with it in time; while its job waits or runs, nothing is up to it.
void SegmentCall::expect_caller() {
  if (uploading_ || writing_)
    watch_->feed();
  else
    watch_->rest();
}

void SegmentCall::note_read(bool uploading) {
  const std::lock_guard lock(mutex_);
  uploading_ = uploading;
  expect_caller();
}

void SegmentCall::stalled() {
  {
    const std::lock_guard lock(mutex_);
    if (writing_) {
      if (!error_) error_.emplace(Code::deadline_exceeded, "the caller takes no more of the answer");
      if (job_) job_->cancel.cancel();
      context_.TryCancel();
      return;
    }
  }
  finish(Error(Code::deadline_exceeded,
               concatenated("upload: nothing came for ", serving_.stalls.patience().count(), " s (--stall-timeout)")));
}

// A status may follow only when the last write is done, and an error's only when no worker has the job any more: what
// the call holds is counted until then.
void SegmentCall::send_next() {
  if (writing_ || finished_) return;
  if (error_) {
    if (job_) return;
    finished_ = true;
    if (!record_.has_begun()) add_error_trailers(context_, *error_, serving_.retry_ms());
    Finish(to_status(*error_));
  } else if (events_.next(event_)) {
    writing_ = true;
    expect_caller();
    StartWrite(&event_);
  } else if (events_.complete()) {
    finished_ = true;
    Finish(grpc::Status::OK);
  }
}

void SegmentCall::OnDone() {
  watch_.reset();
  {
    const std::lock_guard lock(mutex_);
    if (error_) record_.fail(*error_);
    serving_.call_ended(record_);
  }
  upload_.reset();
  ticket_ = {};
  const std::shared_ptr<SegmentCall> last = std::move(self_);
}

}  // namespace voxd
