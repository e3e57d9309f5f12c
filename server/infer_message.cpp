#include "server/infer_message.h"

#include <grpcpp/server_context.h>

#include <vector>

#include "server/caller.h"
#include "server/grpc_status.h"

namespace voxd {
namespace {

constexpr double kSlowestBytesPerSecond = 1 << 20;

struct Message {
  std::vector<grpc::Slice> slices;
  std::vector<std::span<const std::byte>> pieces;
};

}  // namespace

InferOrigin origin_of(const grpc::CallbackServerContext& context, const grpc::ByteBuffer& message) {
  const Caller caller = caller_of(context);
  return {{caller.peer, identity_of(caller)},
          client_of(caller),
          caller.trace,
          deadline_of(context),
          static_cast<std::int64_t>(message.Length())};
}

std::chrono::duration<double> time_for(std::int64_t bytes) {
  return std::chrono::duration<double>(static_cast<double>(bytes) / kSlowestBytesPerSecond);
}

// The slices are shared, not copied.
ParsedInfer parse_infer(grpc::ByteBuffer& buffer) {
  const auto message = std::make_shared<Message>();
  if (!buffer.Dump(&message->slices).ok()) fail(Code::internal, "request: cannot be read from the transport");
  buffer.Clear();
  for (const grpc::Slice& slice : message->slices)
    message->pieces.emplace_back(reinterpret_cast<const std::byte*>(slice.begin()), slice.size());
  return parse_infer(message->pieces, message);
}

}  // namespace voxd
