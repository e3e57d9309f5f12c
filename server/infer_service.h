#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include "server/serving.h"

namespace voxd {

/// ModelInfer and ModelStreamInfer of inference.GRPCInferenceService on raw bytes, so that a ModelInfer call is refused
/// before its body is read and tensors are copied once. Every other method that no service knows ends here, too, and is
/// answered UNIMPLEMENTED. `serving` must outlive it. Safe from any thread; nothing here blocks.
class InferService final : public grpc::CallbackGenericService {
 public:
  explicit InferService(Serving& serving) : serving_(serving) {}
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override;

 private:
  Serving& serving_;
};

}  // namespace voxd
