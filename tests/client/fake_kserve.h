#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "grpc_service.grpc.pb.h"

namespace voxd::test {

/// A KServe server in this process with one model of one input, doing what a test's script says. Safe from any thread.
class FakeKserve final : public inference::GRPCInferenceService::Service {
 public:
  using Script = std::function<grpc::Status(grpc::ServerContext&, const inference::ModelInferRequest&,
                                            inference::ModelInferResponse&)>;

  explicit FakeKserve(Script script) : script_(std::move(script)) {
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(-1);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeKserve() override { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::vector<inference::ModelInferRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  grpc::Status ModelMetadata(grpc::ServerContext*, const inference::ModelMetadataRequest* request,
                             inference::ModelMetadataResponse* response) override {
    if (request->name() != "brain") return {grpc::StatusCode::NOT_FOUND, "Request for unknown model"};
    response->add_versions("3");
    auto& input = *response->add_inputs();
    input.set_name("INPUT0");
    input.set_datatype("FP32");
    for (const int axis : {1, 1, -1, -1, -1}) input.add_shape(axis);
    return grpc::Status::OK;
  }

  grpc::Status ModelInfer(grpc::ServerContext* context, const inference::ModelInferRequest* request,
                          inference::ModelInferResponse* response) override {
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(*request);
    }
    return script_(*context, *request, *response);
  }

  const Script script_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  mutable std::mutex mutex_;
  std::vector<inference::ModelInferRequest> requests_;  // guarded by mutex_
};

}  // namespace voxd::test
