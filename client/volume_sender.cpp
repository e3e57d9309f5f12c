#include "client/volume_sender.h"

#include <algorithm>
#include <future>

#include "client/infer_message.h"
#include "client/retry.h"
#include "client/security.h"

namespace voxd {
namespace {

constexpr const char* kModelInfer = "/inference.GRPCInferenceService/ModelInfer";
constexpr std::chrono::milliseconds kLongestCall = std::chrono::hours(24 * 365);

}  // namespace

VolumeOutcome VolumeSender::run(const VolumeInput& input, const TensorInfo& declared, const std::stop_token& stop) {
  const Clock::time_point deadline = Clock::now() + std::min(input.timeout.value_or(kLongestCall), kLongestCall);
  for (int made = 1;; ++made) {
    inference::ModelInferResponse response;
    const std::optional<std::chrono::milliseconds> pause = attempt(input, declared, deadline, response, stop);
    if (status_.ok()) {
      VolumeOutcome outcome = outcome_of(std::move(response));
      outcome.attempts = made;
      return outcome;
    }
    if (!pause || made >= options_.attempts || Clock::now() + *pause >= deadline || !sleep_for(*pause, stop)) return {};
  }
}

std::optional<std::chrono::milliseconds> VolumeSender::attempt(const VolumeInput& input, const TensorInfo& declared,
                                                               Clock::time_point deadline,
                                                               inference::ModelInferResponse& response,
                                                               const std::stop_token& stop) {
  const auto released = std::make_shared<std::promise<void>>();  // by all who point at the voxels
  const auto ended = std::make_shared<std::promise<grpc::Status>>();
  std::optional<std::chrono::milliseconds> pause;
  {
    // Within: a call holds its message until its context has gone.
    grpc::ClientContext context;
    identify(context, options_.security);
    context.set_deadline(deadline);
    if (!input.shared) context.AddMetadata("x-volume-bytes", std::to_string(input.voxels.size()));
    grpc::ByteBuffer message = infer_message(input, declared, [released] { released->set_value(); });
    const std::stop_callback on_stop(stop, [&context] { context.TryCancel(); });
    stub_.UnaryCall(&context, kModelInfer, {}, &message, &response,
                    [ended](grpc::Status status) { ended->set_value(std::move(status)); });
    status_ = ended->get_future().get();
    pause = pushback_of(context, status_);
  }
  // A call may end while its message is still on the way out.
  released->get_future().wait();
  return pause;
}

}  // namespace voxd
