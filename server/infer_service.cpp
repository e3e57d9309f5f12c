#include "server/infer_service.h"

#include "server/infer_call.h"
#include "server/printable.h"
#include "server/stream_infer_call.h"

namespace voxd {
namespace {

constexpr const char* kModelInfer = "/inference.GRPCInferenceService/ModelInfer";
constexpr const char* kModelStreamInfer = "/inference.GRPCInferenceService/ModelStreamInfer";

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
  if (context->method() == kModelInfer) return InferCall::start(*context, serving_);
  if (context->method() == kModelStreamInfer) return StreamInferCall::start(*context, serving_);
  return new UnknownMethod(context->method());
}

}  // namespace voxd
