#pragma once

#include <chrono>
#include <string>

#include "client/segmentation_client.h"

namespace voxd::ctl {

/// One line on standard error that is redrawn in place, and taken away at the end. Silent when standard error is no
/// terminal. Used by one thread.
class ProgressBar {
 public:
  explicit ProgressBar(bool wanted);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(const SegmentationProgress& progress);

 private:
  const bool on_;
  std::string stage_;
  std::chrono::steady_clock::time_point last_drawn_{};
};

}  // namespace voxd::ctl
