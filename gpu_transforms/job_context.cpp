#include "gpu_transforms/job_context.h"

#include "gpu_transforms/volume/error.h"

namespace voxd {

std::string_view name_of(Stage stage) {
  switch (stage) {
    case Stage::decode: return "decode";
    case Stage::queue: return "queue";
    case Stage::pre: return "pre";
    case Stage::network: return "network";
    case Stage::post: return "post";
    case Stage::encode: return "encode";
  }
  return "?";
}

void JobContext::check() const {
  // First, because a transport cancels what is late as well.
  if (const Clock::duration late = deadline ? Clock::now() - *deadline : Clock::duration(-1); late.count() >= 0)
    fail(Code::deadline_exceeded, "job: its deadline passed ",
         std::chrono::duration_cast<std::chrono::milliseconds>(late).count(), " ms ago");
  if (cancel.cancelled()) fail(Code::cancelled, "job: cancelled by the caller");
}

}  // namespace voxd
