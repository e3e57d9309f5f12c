#include "client/image_sender.h"

#include <algorithm>
#include <functional>

#include "client/part_reader.h"
#include "client/result_collector.h"
#include "client/security.h"

namespace voxd {
namespace {

constexpr std::chrono::milliseconds longest_timeout =
    std::chrono::hours(24 * 365);  // more would not fit the clock's range

std::string_view stage_name(v1::Progress::Stage stage) {
  switch (stage) {
    case v1::Progress::RECEIVE: return "receive";
    case v1::Progress::QUEUE: return "queue";
    case v1::Progress::DECODE: return "decode";
    case v1::Progress::PRE: return "pre";
    case v1::Progress::NETWORK: return "network";
    case v1::Progress::POST: return "post";
    case v1::Progress::ENCODE: return "encode";
    default: return "";
  }
}

v1::Options::LabelFormat to_proto(LabelFormat format) {
  switch (format) {
    case LabelFormat::nifti: return v1::Options::NIFTI;
    case LabelFormat::raw: return v1::Options::RAW;
    default: return v1::Options::NIFTI_GZ;
  }
}

void tell(const ImageSender::Progress& progress, const v1::Progress& event) {
  const std::string_view stage = stage_name(event.stage());
  if (progress && !stage.empty()) progress({stage, event.fraction(), event.queue_position(), event.wait_seconds()});
}

}  // namespace

ImageSender::ImageSender(const SegmentationInput& input, const ClientOptions& options)
    : input_(input), options_(options) {
  if (input.parts.empty()) fail(Code::invalid_argument, "parts: an image needs at least one");
  if (options.chunk_bytes == 0) fail(Code::invalid_argument, "chunk_bytes: 0, at least 1");
  identify(context_, options.security);
  for (const ImagePart& part : input.parts) part_bytes_.push_back(byte_size(part));
}

v1::SegmentRequest ImageSender::open_message() const {
  v1::SegmentRequest request;
  v1::Open& open = *request.mutable_open();
  open.set_model(input_.model);
  open.set_model_version(input_.model_version);
  open.set_request_id(input_.request_id);
  for (std::size_t i = 0; i < input_.parts.size(); ++i) {
    v1::Part& part = *open.add_parts();
    part.set_id(std::to_string(i));
    part.set_file_name(input_.parts[i].file_name);
    part.set_format(input_.parts[i].format);
    part.set_byte_size(part_bytes_[i]);
    part.set_channel(input_.parts[i].channel);
  }
  v1::Options& options = *open.mutable_options();
  options.set_omit_mask(!input_.mask);
  options.set_contour(input_.contour);
  options.set_probabilities(input_.probabilities);
  options.set_dicom_seg(input_.dicom_seg);
  options.set_dicom_rtstruct(input_.dicom_rtstruct);
  options.set_rtstruct_keyholes(input_.rtstruct_keyholes);
  options.set_preview(input_.preview);
  options.set_report(input_.report);
  options.set_mask_format(to_proto(input_.mask_format));
  options.set_contour_format(to_proto(input_.contour_format));
  options.set_priority(input_.priority);
  return request;
}

bool ImageSender::upload_part(std::size_t index, std::size_t chunk_bytes) {
  PartReader reader(input_.parts[index], part_bytes_[index]);
  v1::SegmentRequest request;
  v1::Chunk& chunk = *request.mutable_chunk();
  chunk.set_part_id(std::to_string(index));
  while (reader.left() > 0) {
    chunk.set_offset(reader.offset());
    chunk.mutable_data()->resize(std::min<std::uint64_t>(chunk_bytes, reader.left()));
    reader.read(*chunk.mutable_data());
    if (!stream_->Write(request)) return false;
  }
  return true;
}

void ImageSender::upload(std::size_t chunk_bytes) {
  try {
    for (std::size_t i = 0; i < input_.parts.size(); ++i)
      if (!upload_part(i, chunk_bytes)) return;  // the call has ended; the reading side learns why
    stream_->WritesDone();
  } catch (...) {
    upload_failure_ = std::current_exception();
    context_.TryCancel();
  }
}

grpc::Status ImageSender::end() {
  if (uploader_.joinable()) uploader_.join();
  return stream_->Finish();
}

SegmentationOutcome ImageSender::run(v1::Segmentation::Stub& stub, const Progress& progress,
                                     const std::stop_token& stop) {
  if (input_.timeout)
    context_.set_deadline(std::chrono::system_clock::now() + std::min(*input_.timeout, longest_timeout));
  const std::stop_callback on_stop(stop, [this] { context_.TryCancel(); });
  stream_ = stub.Segment(&context_);
  stream_->Write(open_message());

  ResultCollector results(options_.max_result_bytes);
  v1::SegmentEvent event;
  try {
    while (stream_->Read(&event)) {
      switch (event.message_case()) {
        case v1::SegmentEvent::kAccepted: {
          results.take(event.accepted());
          if (uploader_.joinable()) fail(Code::data_loss, "answer: the call was accepted twice");
          const std::size_t limit = event.accepted().max_chunk_bytes();
          const std::size_t chunk_bytes = limit == 0 ? options_.chunk_bytes : std::min(options_.chunk_bytes, limit);
          uploader_ = std::thread([this, chunk_bytes] { upload(chunk_bytes); });
          break;
        }
        case v1::SegmentEvent::kProgress: tell(progress, event.progress()); break;
        case v1::SegmentEvent::kResultHeader: results.take(event.result_header()); break;
        case v1::SegmentEvent::kResultChunk: results.take(event.result_chunk()); break;
        case v1::SegmentEvent::kSummary: results.take(event.summary()); break;
        case v1::SegmentEvent::MESSAGE_NOT_SET: break;  // a later server's event; nothing that this client needs
      }
    }
  } catch (...) {
    context_.TryCancel();
    end();
    throw;
  }
  status_ = end();
  if (upload_failure_) std::rethrow_exception(upload_failure_);
  return status_.ok() ? results.finish(input_) : SegmentationOutcome{};
}

}  // namespace voxd
