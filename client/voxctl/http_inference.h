#pragma once

#include <memory>
#include <string>

#include "client/segmentation_client.h"

namespace voxd::ctl {

/// Inferences over the KServe protocol's HTTP form, tensors in binary. Keeps its connection. Used by one thread.
class HttpInference {
 public:
  /// `address`: HOST:PORT. Throws Error{invalid_argument} for one that is none.
  HttpInference(const std::string& address, const ClientSecurity& security);
  ~HttpInference();

  /// `declared` is the model's input. Throws Error: the server's text, with the code that its status stands for.
  VolumeOutcome infer(const VolumeInput& input, const TensorInfo& declared);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace voxd::ctl
