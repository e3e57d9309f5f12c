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
  if (cancel.cancelled()) fail(Code::cancelled, "job: cancelled by the caller");
  if (!deadline) return;
  const Clock::duration late = Clock::now() - *deadline;
  if (late >= Clock::duration::zero())
    fail(Code::deadline_exceeded, "job: its deadline passed ",
         std::chrono::duration_cast<std::chrono::milliseconds>(late).count(), " ms ago");
}

}  // namespace voxd
