#include "server/infer_service.h"

#include "server/infer_call.h"
#include "server/printable.h"

namespace voxd {
namespace {

constexpr const char* kModelInfer = "/inference.GRPCInferenceService/ModelInfer";

/// Answers a call of a method that does not exist. Deletes itself.
class UnknownMethod final : public grpc::ServerGenericBidiReactor {
 public:
  explicit UnknownMethod(const std::string& method) {
    Finish({grpc::StatusCode::UNIMPLEMENTED, "method '" + printable(method, 128) + "' is not served"});
  }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerGenericBidiReactor* InferService::CreateReactor(grpc::GenericCallbackServerContext* context) {
  if (context->method() != kModelInfer) return new UnknownMethod(context->method());
  return InferCall::start(*context, serving_);
}

}  // namespace voxd
