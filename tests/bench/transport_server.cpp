#include "tests/bench/transport_server.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/resource.h>

#include <cstring>
#include <fstream>
#include <iostream>

#include "grpc_service.grpc.pb.h"
#include "server/app.h"
#include "server/library_logs.h"
#include "server/machine.h"

namespace voxd::bench {
namespace {

class LabelsPipeline final : public Pipeline {
 public:
  LabelsPipeline() {
    description_.name = "labels";
    description_.inputs = {{"INPUT0", "image", "FP32", {1, -1, -1, -1}}};
    description_.outputs = {{"MASK", "pred", "UINT8", {1, kLabels[0], kLabels[1], kLabels[2]}},
                            {"CONTOUR", "contour", "UINT8", {1, kLabels[0], kLabels[1], kLabels[2]}}};
    description_.contour_key = "contour";
  }
  const PipelineDescription& description() const override { return description_; }
  std::int64_t peak_bytes(DType, std::int32_t, const Geometry&, const Extras&) const override { return 1; }

  PipelineResult run(const std::vector<HostVolume>&, JobContext&, const HostAllocator& allocate,
                     const Extras&) const override {
    PipelineResult result;
    for (const char* key : {"pred", "contour"}) {
      HostVolume labels =
          make_host_volume(DType::u8, 1, {{kLabels[0], kLabels[1], kLabels[2]}, identity_affine()}, allocate);
      std::memset(labels.voxels.data(), 1, labels.voxels.size());
      result.outputs.push_back({key, std::move(labels)});
    }
    return result;
  }

 private:
  PipelineDescription description_;
};

/// As gRPC's tutorial has it. The staging buffer stands for the memory from which the volume would go to the device.
class TypedService final : public inference::GRPCInferenceService::Service {
 public:
  TypedService()
      : staging_(static_cast<std::size_t>(kVolumeBytes)), labels_(static_cast<std::size_t>(kLabelBytes), '\1') {}

  grpc::Status ModelInfer(grpc::ServerContext*, const inference::ModelInferRequest* request,
                          inference::ModelInferResponse* response) override {
    const std::string& volume = request->raw_input_contents(0);
    if (volume.size() > staging_.size()) return {grpc::StatusCode::INVALID_ARGUMENT, "volume: too large"};
    {
      const std::lock_guard lock(mutex_);
      std::memcpy(staging_.data(), volume.data(), volume.size());
    }
    for (const char* name : {"MASK", "CONTOUR"}) {
      auto& output = *response->add_outputs();
      output.set_name(name);
      output.set_datatype("UINT8");
      for (const int axis : {1, kLabels[0], kLabels[1], kLabels[2]}) output.add_shape(axis);
      response->add_raw_output_contents(labels_);
    }
    return grpc::Status::OK;
  }

 private:
  std::mutex mutex_;
  std::vector<char> staging_;  // guarded by mutex_
  const std::string labels_;
};

std::int64_t status_kb(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key)) return std::stoll(line.substr(key.size()));
  return -1;
}

void answer_lines() {
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "reset") {
      std::ofstream("/proc/self/clear_refs") << 5;
      std::cout << "done" << std::endl;
    } else {
      ::rusage usage{};
      ::getrusage(RUSAGE_SELF, &usage);
      std::cout << usage.ru_minflt << ' ' << status_kb("VmRSS:") << ' ' << status_kb("VmHWM:") << std::endl;
    }
  }
}

void serve_voxd(std::int64_t queue_bytes) {
  keep_freed_memory();
  start_logging({.level = "off"});
  redirect_library_logs();
  Settings settings;
  settings.addresses = {"127.0.0.1:0"};
  settings.http_address = "127.0.0.1:0";
  settings.threads = 1;
  settings.client_share = 1;
  settings.shared_memory.enabled = true;
  if (queue_bytes > 0) {
    settings.queue_bytes = queue_bytes;
    settings.max_image_bytes = kVolumeBytes + 1024;
  }
  std::vector<Model> models;
  models.push_back({"labels", "1", std::make_shared<LabelsPipeline>()});
  const App app(settings, std::make_unique<ModelRepository>(std::move(models)));
  std::cout << app.ports().at(0) << ' ' << app.http_port() << std::endl;
  answer_lines();
}

void serve_typed() {
  TypedService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(-1);
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  std::cout << port << " 0" << std::endl;
  answer_lines();
  server->Shutdown(std::chrono::system_clock::now());
}

}  // namespace

void serve_transport(const std::string& kind, std::int64_t queue_bytes) {
  kind == "typed" ? serve_typed() : serve_voxd(queue_bytes);
}

}  // namespace voxd::bench
