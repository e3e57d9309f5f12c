#include "tests/server/services/health_client.h"

#include <grpcpp/client_context.h>

#include "grpc_health.grpc.pb.h"

namespace voxd::test {

std::string health_of(const std::shared_ptr<grpc::Channel>& channel, const std::string& service) {
  using namespace grpc::health::v1;
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service(service);
  HealthCheckResponse response;
  const grpc::Status status = Health::NewStub(channel)->Check(&context, request, &response);
  if (status.error_code() == grpc::StatusCode::NOT_FOUND) return "NOT_FOUND";
  return status.ok() ? HealthCheckResponse::ServingStatus_Name(response.status()) : status.error_message();
}

}  // namespace voxd::test
