#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include "tests/server/services/health_client.h"
#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace reload_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

namespace fs = std::filesystem;

void write_text(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

/// A bundle whose mask of a voxel of value n is 1 where n is above `threshold`.
void write_bundle(const fs::path& folder, int threshold) {
  const std::string a_min = std::to_string(threshold - 0.5), a_max = std::to_string(threshold + 0.5);
  write_text(folder / "configs/inference.json",
             R"({"preprocessing": {"_target_": "Compose", "transforms": [{"_target_": "LoadImaged", "keys": "image"},
      {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": )" +
                 a_min + R"(, "a_max": )" + a_max + R"(, "b_min": 0, "b_max": 1}]},
      "inferer": {"_target_": "SimpleInferer"},
      "postprocessing": {"_target_": "Compose", "transforms": [{"_target_": "AsDiscreted", "keys": "pred", "argmax": true}]}})");
  write_text(folder / "configs/serving.json", R"({"warm_up_size": [4, 4, 4], "warm_up_image": [4, 4, 4]})");
  fs::create_directories(folder / "models");
  fs::copy_file(fs::path(TEST_NETWORKS) / "threshold.ts", folder / "models/model.ts");
}

void write_broken_bundle(const fs::path& folder) {
  write_bundle(folder, 0);
  write_text(folder / "configs/inference.json", R"({"preprocessing": )");
}

/// A server of a repository with one model "m", which clients may load and unload.
struct ReloadFixture {
  explicit ReloadFixture(bool control = true, int workers = 1) {
    Settings settings;
    settings.addresses = {"127.0.0.1:0"};
    settings.threads = 1;
    settings.workers = workers;
    settings.model_control = control;
    settings.queue_jobs = 10'000;  // a call counts until gRPC lets go of it, when its client may have made many more
    silence_log();
    write_bundle(folder.path() / "m" / "1", 1);
    app = std::make_unique<App>(settings, std::make_unique<ModelRepository>(folder.path(), ModelRepository::Options{}));
    channel = connect(*app);
  }

  grpc::Status load(const std::string& model = "m", const std::string& parameter = "") const {
    inference::RepositoryModelLoadRequest request;
    request.set_model_name(model);
    if (!parameter.empty()) (*request.mutable_parameters())[parameter].set_string_param("x");
    grpc::ClientContext context;
    inference::RepositoryModelLoadResponse response;
    return stub()->RepositoryModelLoad(&context, request, &response);
  }
  grpc::Status unload(const std::string& model = "m", const std::string& parameter = "") const {
    inference::RepositoryModelUnloadRequest request;
    request.set_model_name(model);
    if (!parameter.empty()) (*request.mutable_parameters())[parameter].set_bool_param(false);
    grpc::ClientContext context;
    inference::RepositoryModelUnloadResponse response;
    return stub()->RepositoryModelUnload(&context, request, &response);
  }
  std::unique_ptr<inference::GRPCInferenceService::Stub> stub() const {
    return inference::GRPCInferenceService::NewStub(channel);
  }
  /// Name, version, state and reason of every model.
  std::vector<std::string> index() const {
    grpc::ClientContext context;
    inference::RepositoryIndexResponse response;
    REQUIRE(stub()->RepositoryIndex(&context, {}, &response).ok());
    std::vector<std::string> lines;
    for (const auto& model : response.models())
      lines.push_back(model.name() + " " + model.version() + " " + model.state() + " " + model.reason());
    return lines;
  }

  TemporaryFolder folder;
  std::unique_ptr<App> app;
  std::shared_ptr<grpc::Channel> channel;
};

/// 0, 1, 2, ...: how many of the answer's voxels are set tells the threshold, and so the version.
constexpr int kVoxels = 64;

struct Reply {
  grpc::Status status;
  std::string version;
  int made_by = 0;
};

Reply infer(inference::GRPCInferenceService::Stub& stub) {
  inference::ModelInferRequest request;
  request.set_model_name("m");
  auto& input = *request.add_inputs();
  input.set_name("image");
  input.set_datatype("UINT8");
  for (const int axis : {1, 1, 1, kVoxels}) input.add_shape(axis);
  std::string voxels;
  for (int i = 0; i < kVoxels; ++i) voxels += static_cast<char>(i);
  request.add_raw_input_contents(voxels);
  grpc::ClientContext context;
  inference::ModelInferResponse response;
  Reply reply;
  reply.status = stub.ModelInfer(&context, request, &response);
  if (!reply.status.ok()) return reply;
  const std::string& mask = response.raw_output_contents(0);
  reply.version = response.model_version();
  reply.made_by = kVoxels - 1 - static_cast<int>(std::count(mask.begin(), mask.end(), '\1'));
  return reply;
}

bool is_ready(const ReloadFixture& server, const std::string& model) {
  inference::ModelReadyRequest request;
  request.set_name(model);
  grpc::ClientContext context;
  inference::ModelReadyResponse response;
  REQUIRE(server.stub()->ModelReady(&context, request, &response).ok());
  return response.ready();
}

}  // namespace

TEST_CASE("no request fails while a model is loaded 20 times, and each reply names the version that made it",
          "[reload]") {
  constexpr int kClients = 4, kRequestsEach = 50, kLoads = 20;
  const ReloadFixture server(true, 2);
  std::atomic<int> answered{0}, failed{0}, misnamed{0};
  std::string first_failure;
  std::once_flag first;
  std::atomic<bool> loading{true};
  std::vector<std::jthread> clients;
  for (int i = 0; i < kClients; ++i)
    clients.emplace_back([&] {
      const auto stub = inference::GRPCInferenceService::NewStub(connect(*server.app));
      int newest = 0;
      for (int n = 0; n < kRequestsEach || loading; ++n) {
        const Reply reply = infer(*stub);
        ++answered;
        if (!reply.status.ok()) {
          ++failed;
          std::call_once(first, [&] { first_failure = reply.status.error_message(); });
          continue;
        }
        const int version = std::stoi(reply.version);
        if (version != reply.made_by || version < newest) ++misnamed;
        newest = version;
      }
    });

  int served = 1;
  for (int version = 2; version < 2 + kLoads; ++version) {
    // Between two loads there are requests, however fast a load is.
    for (const int before = answered; answered < before + kClients;) std::this_thread::yield();
    const fs::path bundle = server.folder.path() / "m" / std::to_string(version);
    const bool broken = version % 3 == 0;
    if (broken)
      write_broken_bundle(bundle);
    else
      write_bundle(bundle, version);
    const grpc::Status status = server.load();
    CHECK(status.ok() == !broken);
    if (broken) CHECK_THAT(status.error_message(), Contains("inference.json"));
    if (!broken) served = version;
    CHECK(is_ready(server, "m"));
    CHECK(health_of(server.channel, "m") == "SERVING");
    CHECK(infer(*server.stub()).version == std::to_string(served));
    // Of the older ones two are left, as one that cleans up would.
    fs::remove_all(server.folder.path() / "m" / std::to_string(version - 3));
  }
  loading = false;
  clients.clear();
  CHECK(answered >= kClients * kRequestsEach);
  INFO(first_failure);
  CHECK(failed == 0);
  CHECK(misnamed == 0);
}

TEST_CASE("a model that was unloaded is not ready, and loads again", "[reload]") {
  const ReloadFixture server;
  REQUIRE(infer(*server.stub()).made_by == 1);
  CHECK(server.unload("m", "unload_dependents").ok());
  CHECK_FALSE(is_ready(server, "m"));
  CHECK(server.index() == std::vector<std::string>{"m 1 UNAVAILABLE unloaded"});
  CHECK(health_of(server.channel, "m") == "NOT_SERVING");
  CHECK(health_of(server.channel) == "NOT_SERVING");
  const Reply refused = infer(*server.stub());
  CHECK(refused.status.error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK(refused.status.error_message() == "model 'm' is not ready: unloaded");

  CHECK(server.load().ok());
  CHECK(is_ready(server, "m"));
  CHECK(health_of(server.channel, "m") == "SERVING");
  CHECK(health_of(server.channel) == "SERVING");
  CHECK(infer(*server.stub()).made_by == 1);
}

TEST_CASE("a model that appeared in the folder is loaded by name, and a rescan forgets it when it has gone",
          "[reload]") {
  const ReloadFixture server;
  CHECK(health_of(server.channel, "n") == "NOT_FOUND");
  CHECK(server.load("n").error_code() == grpc::StatusCode::NOT_FOUND);
  write_bundle(server.folder.path() / "n", 2);
  CHECK(server.load("n").ok());
  CHECK(is_ready(server, "n"));
  CHECK(health_of(server.channel, "n") == "SERVING");

  fs::remove_all(server.folder.path() / "n");
  server.app->refresh();
  CHECK(server.load().ok());  // changes are made in order, so the rescan is over
  CHECK(health_of(server.channel, "n") == "NOT_SERVING");
  CHECK(server.index() == std::vector<std::string>{"m 1 READY "});
}

TEST_CASE("what replaced a model and cannot be loaded leaves it serving, and index and answer say why", "[reload]") {
  const ReloadFixture server;
  fs::remove_all(server.folder.path() / "m");
  write_broken_bundle(server.folder.path() / "m" / "1");
  const grpc::Status status = server.load();
  CHECK(status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  CHECK_THAT(status.error_message(), Contains("failed to load 'm' version 1: m/configs/inference.json: "));
  CHECK_THAT(server.index().at(0), Contains("m 1 READY m/configs/inference.json: "));
  CHECK(infer(*server.stub()).made_by == 1);

  fs::remove_all(server.folder.path() / "m");
  write_bundle(server.folder.path() / "m" / "1", 7);
  CHECK(server.load().ok());
  CHECK(server.index() == std::vector<std::string>{"m 1 READY "});
  CHECK(infer(*server.stub()).made_by == 7);
}

TEST_CASE("a job that runs while its model is unloaded finishes", "[reload]") {
  Gate gate;
  Settings settings;
  settings.model_control = true;
  const ServerFixture server(gate, settings);
  const std::string image = small_image();
  SegmentCaller caller(server.channel);
  caller.send_all(open_for(image), image);
  gate.wait_for_arrivals(1);
  inference::RepositoryModelUnloadRequest request;
  request.set_model_name("fake");
  grpc::ClientContext context;
  inference::RepositoryModelUnloadResponse response;
  CHECK(server.kserve()->RepositoryModelUnload(&context, request, &response).ok());
  CHECK(segment(server.channel, open_for(image), image).status.error_code() == grpc::StatusCode::UNAVAILABLE);
  gate.open();
  const SegmentOutcome outcome = caller.finish();
  CHECK(outcome.status.ok());
  CHECK(outcome.summary->model_version() == "1");
}

TEST_CASE("clients load and unload only where the operator allows it, and send nothing of a model", "[reload]") {
  const ReloadFixture closed(false);
  for (const grpc::Status& status : {closed.load(), closed.unload()}) {
    CHECK(status.error_code() == grpc::StatusCode::PERMISSION_DENIED);
    CHECK_THAT(status.error_message(), Contains("--model-control"));
  }
  const ReloadFixture open;
  for (const grpc::Status& status : {open.load("m", "config"), open.unload("m", "config"), open.load("")})
    CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  for (const grpc::Status& status : {open.load("../m"), open.load("a\nb"), open.unload("x")})
    CHECK(status.error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(infer(*open.stub()).made_by == 1);
}

TEST_CASE("changes that wait are answered when the server stops, and only so many may wait", "[reload]") {
  ModelChanges changes;
  int refused = 0;
  const auto answer = [&](const Error* why_not) { refused += why_not && why_not->code() == Code::unavailable; };
  for (std::size_t i = 0; i < ModelChanges::most_waiting; ++i) changes.push({ModelChange::Kind::load, "m", answer});
  CHECK_THROWS_WITH(changes.push({ModelChange::Kind::load, "m", answer}), Contains("at most 16"));
  CHECK(changes.pop()->model == "m");
  changes.close();
  CHECK(refused == static_cast<int>(ModelChanges::most_waiting) - 1);
  CHECK_FALSE(changes.pop());
  CHECK_THROWS_WITH(changes.push({ModelChange::Kind::load, "m", answer}), Contains("stopping"));
}

}  // namespace reload_test
