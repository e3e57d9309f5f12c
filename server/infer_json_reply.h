#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/infer_json.h"
#include "server/infer_parameters.h"
#include "server/infer_response.h"

namespace voxd {

/// The answer to a KServe REST request for an inference: JSON, in which tensors stand as numbers, and after it those
/// that were asked for in binary. Nothing of a tensor is copied, and its numbers are made while they are sent; the
/// sizes are known beforehand. Immutable; safe from any thread.
class InferJsonReply {
 public:
  InferJsonReply(const TensorResult& result, const InferResponseHead& head, const InferJson& request);

  std::uint64_t size() const { return size_; }
  /// Bytes of the JSON, where tensors follow it.
  std::optional<std::uint64_t> json_size() const { return has_binary_ ? std::optional(json_size_) : std::nullopt; }

  using Send = std::function<bool(std::string_view)>;
  /// Hands all bytes to `send`, in pieces of at most a MiB, until it says false; whether it never did.
  bool write(const Send& send) const;

 private:
  struct Piece {
    std::string text;
    std::shared_ptr<const HostVolume> volume;  // after the text
    bool as_numbers = false;
  };
  static bool write(const Piece& piece, const Send& send);

  std::vector<Piece> pieces_;
  bool has_binary_ = false;
  std::uint64_t json_size_ = 0, size_ = 0;
};

}  // namespace voxd
