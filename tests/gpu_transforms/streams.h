#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "gpu_transforms/stream.h"

namespace voxd::test {

/// A way to make a stream, with a name for a failing test's report.
struct StreamKind {
  std::string name;
  std::function<std::unique_ptr<Stream>()> make;

  friend std::ostream& operator<<(std::ostream& out, const StreamKind& kind) { return out << kind.name; }
};

inline std::vector<StreamKind> immediate_streams() {
  return {{"immediate serial", [] { return make_cpu_stream(Backend::serial); }},
          {"immediate default", [] { return make_cpu_stream(); }},
          {"immediate own_threads", [] { return make_cpu_stream(Backend::own_threads); }}};
}

inline std::vector<StreamKind> deferred_streams() {
  return {{"deferred serial", [] { return make_deferred_stream(Backend::serial); }},
          {"deferred default", [] { return make_deferred_stream(default_cpu_backend()); }}};
}

inline std::vector<StreamKind> cpu_streams() {
  std::vector<StreamKind> kinds = immediate_streams();
  for (StreamKind& kind : deferred_streams()) kinds.push_back(std::move(kind));
  return kinds;
}

/// Every kind that this machine can make: CUDA's too where there is a device.
inline std::vector<StreamKind> all_streams() {
  std::vector<StreamKind> kinds = cpu_streams();
  if (cuda_device_count() > 0) kinds.push_back({"cuda", [] { return make_cuda_stream(0); }});
  return kinds;
}

}  // namespace voxd::test
