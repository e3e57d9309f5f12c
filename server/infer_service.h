#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include "server/serving.h"

namespace voxd {

/// inference.GRPCInferenceService/ModelInfer on raw bytes, so that a call is refused before its body is read and its
/// tensors are copied once. Every other method that no service knows ends here, too, and is answered UNIMPLEMENTED.
/// `serving` must outlive it. Safe from any thread; nothing here blocks.
class InferService final : public grpc::CallbackGenericService {
 public:
  explicit InferService(Serving& serving) : serving_(serving) {}
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override;

 private:
  Serving& serving_;
};

}  // namespace voxd
