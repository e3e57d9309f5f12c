#include "client/voxctl/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace voxd::ctl {
namespace {

constexpr const char* erase_line = "\r\033[K";

std::string wait_of(const SegmentationProgress& progress) {
  if (!std::isfinite(progress.wait_seconds) || progress.wait_seconds < 1) return "";
  return ", about " + std::to_string(std::lround(std::min(progress.wait_seconds, 1e6))) + " s";
}

std::string line_of(const SegmentationProgress& progress) {
  if (progress.stage == "queue")
    return "queue    " + std::to_string(progress.queue_position) + " ahead" + wait_of(progress);
  constexpr int width = 32;
  const double fraction = std::isfinite(progress.fraction) ? std::clamp(progress.fraction, 0.0, 1.0) : 0.0;
  const auto filled = static_cast<std::size_t>(std::lround(fraction * width));
  std::string line(progress.stage);
  line.resize(9, ' ');
  line += '[' + std::string(filled, '#') + std::string(width - filled, '.') + "] ";
  return line + std::to_string(std::lround(fraction * 100)) + " %";
}

}  // namespace

ProgressBar::ProgressBar(bool wanted) : on_(wanted && ::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (on_) std::fputs(erase_line, stderr);
}

void ProgressBar::show(const SegmentationProgress& progress) {
  if (!on_) return;
  // Twenty times a second is as fast as anybody sees; a change of stage is shown at once.
  const auto now = std::chrono::steady_clock::now();
  if (progress.stage == stage_ && progress.fraction < 1 && now - last_drawn_ < std::chrono::milliseconds(50)) return;
  stage_ = progress.stage;
  last_drawn_ = now;
  std::fputs((erase_line + line_of(progress)).c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace voxd::ctl
