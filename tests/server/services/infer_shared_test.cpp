#include <grpcpp/create_channel.h>

#include <future>
#include <limits>
#include <thread>

#include "tests/server/services/infer_caller.h"
#include "tests/server/services/shared_object.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace infer_shared_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using inference::ModelInferRequest;

namespace {

const std::string kVolume = raw(std::vector<float>{0, 1, 2, 3, 0.25f, 0.75f});  // as float_request() sends it
const std::string kScaled = raw(std::vector<float>{0, 2, 4, 6, 0.5f, 1.5f});
const std::string kMask("\0\1\1\1\0\1", 6);

Settings sharing() {
  Settings settings;
  settings.shared_memory.enabled = true;
  return settings;
}

grpc::Status add_region(const std::shared_ptr<grpc::Channel>& channel, const std::string& name, const std::string& key,
                        std::uint64_t size, std::uint64_t offset = 0) {
  inference::SystemSharedMemoryRegisterRequest request;
  request.set_name(name);
  request.set_key(key);
  request.set_offset(offset);
  request.set_byte_size(size);
  inference::SystemSharedMemoryRegisterResponse response;
  grpc::ClientContext context;
  return inference::GRPCInferenceService::NewStub(channel)->SystemSharedMemoryRegister(&context, request, &response);
}

void share(const ServerFixture& server, const std::string& name, const SharedObject& object, std::uint64_t size,
           std::uint64_t offset = 0) {
  const grpc::Status status = add_region(server.channel, name, object.key(), size, offset);
  INFO(status.error_message());
  REQUIRE(status.ok());
}

void forget(const ServerFixture& server, const std::string& name) {
  inference::SystemSharedMemoryUnregisterRequest request;
  request.set_name(name);
  inference::SystemSharedMemoryUnregisterResponse response;
  grpc::ClientContext context;
  REQUIRE(server.kserve()->SystemSharedMemoryUnregister(&context, request, &response).ok());
}

template <class Tensor>
void place(Tensor& tensor, const std::string& region, std::int64_t size, std::int64_t offset = 0) {
  auto& parameters = *tensor.mutable_parameters();
  parameters["shared_memory_region"].set_string_param(region);
  parameters["shared_memory_byte_size"].set_int64_param(size);
  if (offset != 0) parameters["shared_memory_offset"].set_int64_param(offset);
}

/// The volume from region "in".
ModelInferRequest shared_request(std::int64_t offset = 0) {
  ModelInferRequest request = request_of("FP32", "");
  place(*request.mutable_inputs(0), "in", 24, offset);
  return request;
}

void want(ModelInferRequest& request, const std::string& output, const std::string& region, std::int64_t size,
          std::int64_t offset = 0) {
  auto& wanted = *request.add_outputs();
  wanted.set_name(output);
  place(wanted, region, size, offset);
}

}  // namespace

TEST_CASE("a volume in shared memory is answered as one that was sent") {
  const ServerFixture server(sharing());
  const SharedObject in("in", "..." + kVolume);
  share(server, "in", in, 3 + 24);
  const Answer answer = infer(server, shared_request(3));
  INFO(answer.status.error_message());
  REQUIRE(answer.status.ok());
  CHECK(answer.response.raw_output_contents(0) == kMask);
  CHECK(answer.response.raw_output_contents(2) == kScaled);
  server.wait_idle();
  CHECK(server.app->admission().bytes() == 0);
}

TEST_CASE("outputs go where they are wanted, and an empty entry says which did not come with the reply") {
  const ServerFixture server(sharing());
  const SharedObject in("in", kVolume), out("out", std::string(64, '-'));
  share(server, "in", in, 24);
  share(server, "out", out, 60, 4);
  ModelInferRequest request = shared_request();
  want(request, "SCALED", "out", 24, 8);
  request.add_outputs()->set_name("CONTOUR");
  want(request, "MASK", "out", 10, 50);
  const Answer answer = infer(server, request);
  INFO(answer.status.error_message());
  REQUIRE(answer.status.ok());
  REQUIRE(answer.response.raw_output_contents_size() == 3);
  CHECK(answer.response.raw_output_contents(0).empty());
  CHECK(answer.response.raw_output_contents(1).size() == 6);
  CHECK(answer.response.raw_output_contents(2).empty());
  CHECK(answer.response.outputs(0).datatype() == "FP32");
  CHECK(answer.response.outputs(2).shape_size() == 5);
  CHECK(out.read(0, 64) == std::string(12, '-') + kScaled + std::string(18, '-') + kMask + std::string(4, '-'));
}

TEST_CASE("16-bit floats in shared memory are widened as those that are sent") {
  const ServerFixture server(sharing());
  const SharedObject in("in", raw(std::vector<std::uint16_t>{0x0000, 0x3C00, 0x4000, 0x4200, 0x3400, 0x3A00}));
  share(server, "in", in, 12);
  ModelInferRequest request = request_of("FP16", "");
  place(*request.mutable_inputs(0), "in", 12);
  request.add_outputs()->set_name("SCALED");
  const Answer answer = infer(server, request);
  REQUIRE(answer.status.ok());
  CHECK(answer.response.raw_output_contents(0) == kScaled);
}

TEST_CASE("entries of raw_input_contents belong to the inputs that are not in shared memory") {
  const ServerFixture server(sharing(), [](FakePipeline& fake) {
    fake.description_.inputs[0].shape[0] = 2;
    fake.description_.channel_names = {"T1", "T2"};
  });
  const SharedObject in("in", kVolume);
  share(server, "in", in, 24);
  ModelInferRequest request = shared_request();
  request.mutable_inputs(0)->set_name("T2");
  *request.add_inputs() = request_of("FP32", "").inputs(0);
  request.mutable_inputs(1)->set_name("T1");
  request.add_raw_input_contents(raw(std::vector<float>(6, 3)));
  request.add_outputs()->set_name("SCALED");
  const Answer answer = infer(server, request);
  INFO(answer.status.error_message());
  REQUIRE(answer.status.ok());
  CHECK(answer.response.raw_output_contents(0) == raw(std::vector<float>(6, 6)));
  request.add_raw_input_contents("x");
  CHECK_THAT(infer(server, request).status.error_message(),
             Contains("expected 1 entries in raw_input_contents but got 2"));
}

TEST_CASE("a request for shared memory that cannot be met is refused with Triton's code and words") {
  Settings settings = sharing();
  settings.max_image_bytes = 1000;
  const ServerFixture server(settings);
  SharedObject in("in", kVolume + std::string(2000, 'x')), out("out", std::string(100, '-'));
  share(server, "in", in, in.size());
  share(server, "out", out, 100);
  ModelInferRequest request = shared_request();
  auto& parameters = *request.mutable_inputs(0)->mutable_parameters();
  grpc::StatusCode code = grpc::StatusCode::INVALID_ARGUMENT;
  std::string text;
  SECTION("a region that nobody registered") {
    parameters["shared_memory_region"].set_string_param("other");
    code = grpc::StatusCode::NOT_FOUND;
    text = "Unable to find shared memory region: 'other'";
  }
  SECTION("an offset beyond the region") {
    parameters["shared_memory_offset"].set_int64_param(5000);
    text = "Invalid offset";
  }
  SECTION("an end beyond the region") {
    parameters["shared_memory_offset"].set_int64_param(2001);
    text = "Invalid offset";
  }
  SECTION("an end that overflows") {
    parameters["shared_memory_offset"].set_int64_param(std::numeric_limits<std::int64_t>::max());
    parameters["shared_memory_byte_size"].set_int64_param(std::numeric_limits<std::int64_t>::max());
    text = "Invalid offset";
  }
  SECTION("a negative offset") {
    parameters["shared_memory_offset"].set_int64_param(-1);
    text = "parameter 'shared_memory_offset' of input 'INPUT0'";
  }
  SECTION("a negative size") {
    parameters["shared_memory_byte_size"].set_int64_param(-24);
    text = "parameter 'shared_memory_byte_size' of input 'INPUT0'";
  }
  SECTION("no size") {
    parameters.erase("shared_memory_byte_size");
    text = "parameter 'shared_memory_byte_size' of input 'INPUT0' is missing";
  }
  SECTION("a size of nothing") {
    parameters["shared_memory_byte_size"].set_int64_param(0);
    text = "0 bytes, at least 1";
  }
  SECTION("no region") {
    parameters.erase("shared_memory_region");
    text = "parameter 'shared_memory_region' of input 'INPUT0' is missing";
  }
  SECTION("a region that is no string") {
    parameters["shared_memory_region"].set_int64_param(1);
    text = "must be a string";
  }
  SECTION("a size that is no int64") {
    parameters["shared_memory_byte_size"].set_uint64_param(24);
    text = "must be an int64";
  }
  SECTION("another parameter") {
    parameters["classification"].set_int64_param(1);
    text = "parameter 'classification' of input 'INPUT0' is not known";
  }
  SECTION("fewer bytes than the shape says") {
    parameters["shared_memory_byte_size"].set_int64_param(23);
    text = "input byte size mismatch for input 'INPUT0' for model 'fake'. Expected 24, got 23";
  }
  SECTION("bytes that are sent as well") {
    request.add_raw_input_contents(kVolume);
    text = "expected 0 entries in raw_input_contents but got 1";
  }
  SECTION("contents that are sent as well") {
    request.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
    text = "contents field must not be specified";
  }
  SECTION("more bytes than an image may have") {
    request.mutable_inputs(0)->set_shape(1, 2 * 60);
    parameters["shared_memory_byte_size"].set_int64_param(24 * 60);
    text = "at most 1000 (--max-image-bytes)";
  }
  SECTION("an output over the input") {
    want(request, "MASK", "in", 6, 20);
    text = "output 'MASK': its shared memory overlaps that of an input";
  }
  SECTION("an output over another") {
    want(request, "MASK", "out", 6);
    want(request, "CONTOUR", "out", 6, 5);
    text = "output 'CONTOUR': its shared memory overlaps that of output 'MASK'";
  }
  SECTION("an output in a region that nobody registered") {
    want(request, "MASK", "other", 6);
    code = grpc::StatusCode::NOT_FOUND;
    text = "Unable to find shared memory region: 'other'";
  }
  SECTION("an output beyond its region") {
    want(request, "MASK", "out", 6, 95);
    text = "Invalid offset";
  }
  const Answer answer = infer(server, request);
  INFO(answer.status.error_message());
  CHECK(answer.status.error_code() == code);
  CHECK_THAT(answer.status.error_message(), Contains(text));
  server.wait_idle();
  CHECK(server.pipeline->runs == 0);
  CHECK(server.app->admission().bytes() == 0);
  CHECK(out.read(0, 100) == std::string(100, '-'));
  CHECK(infer(server, shared_request()).status.ok());
}

TEST_CASE("where one output does not fit, none is written") {
  const ServerFixture server(sharing());
  const SharedObject in("in", kVolume), out("out", std::string(40, '-'));
  share(server, "in", in, 24);
  share(server, "out", out, 40);
  ModelInferRequest request = shared_request();
  want(request, "MASK", "out", 6);
  want(request, "SCALED", "out", 23, 6);
  const Answer answer = infer(server, request);
  CHECK(answer.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK_THAT(answer.status.error_message(),
             StartsWith("shared memory size specified with the request for output 'SCALED'"));
  CHECK(out.read(0, 40) == std::string(40, '-'));
}

TEST_CASE("a run that fails writes nothing") {
  const ServerFixture server(sharing(), [](FakePipeline& fake) { fake.fails = true; });
  const SharedObject in("in", kVolume), out("out", std::string(6, '-'));
  share(server, "in", in, 24);
  share(server, "out", out, 6);
  ModelInferRequest request = shared_request();
  want(request, "MASK", "out", 6);
  CHECK(infer(server, request).status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(out.read(0, 6) == "------");
}

TEST_CASE("while a request runs, its memory may be forgotten and lose its name") {
  Gate gate;
  const ServerFixture server(gate, sharing());
  SharedObject in("in", kVolume), out("out", std::string(6, '-'));
  share(server, "in", in, 24);
  share(server, "out", out, 6);
  ModelInferRequest request = shared_request();
  want(request, "MASK", "out", 6);
  auto running = std::async(std::launch::async, [&] { return infer(server, request); });
  gate.wait_for_arrivals(1);
  auto waiting = std::async(std::launch::async, [&] { return infer(server, shared_request()); });
  while (server.app->admission().calls() < 2 || server.app->queue().size() < 1) std::this_thread::yield();
  forget(server, "");
  in.unlink();
  out.unlink();
  gate.open();
  CHECK(running.get().status.ok());
  CHECK(out.read(0, 6) == kMask);
  CHECK(waiting.get().response.raw_output_contents(0) == kMask);
  CHECK(infer(server, request).status.error_code() == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("memory that is cut while its request waits or runs ends that request, and only that") {
  Gate gate;
  const ServerFixture server(gate, sharing());
  SharedObject in("in", kVolume), out("out", std::string(6, '-'));
  share(server, "in", in, 24);
  share(server, "out", out, 6);
  ModelInferRequest request = shared_request();
  want(request, "MASK", "out", 6);
  auto running = std::async(std::launch::async, [&] { return infer(server, request); });
  gate.wait_for_arrivals(1);
  auto waiting = std::async(std::launch::async, [&] { return infer(server, shared_request()); });
  while (server.app->queue().size() < 1) std::this_thread::yield();
  in.resize(10);
  out.resize(3);
  gate.open();
  const Answer cut_output = running.get(), cut_input = waiting.get();
  CHECK(cut_output.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK_THAT(cut_output.status.error_message(), StartsWith("shared memory region 'out': could not be written"));
  CHECK(cut_input.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK_THAT(cut_input.status.error_message(), StartsWith("shared memory region 'in': could not be read"));
  CHECK(out.size() == 3);
  CHECK(infer(server, float_request()).status.ok());
}

TEST_CASE("while it is off, no call on shared memory does anything") {
  const ServerFixture server;
  const SharedObject in("in", kVolume);
  const grpc::Status status = add_region(server.channel, "in", in.key(), 24);
  CHECK(status.error_code() == grpc::StatusCode::UNIMPLEMENTED);
  CHECK_THAT(status.error_message(), StartsWith("Client shared memory is disabled"));
  CHECK(infer(server, shared_request()).status.error_code() == grpc::StatusCode::UNIMPLEMENTED);
}

TEST_CASE("callers see the regions of their own kind of address only") {
  const TemporaryFolder folder;
  const std::string address = "unix:" + (folder.path() / "voxd.sock").string();
  Settings settings = sharing();
  settings.addresses = {address};
  const ServerFixture server(settings);
  const auto local = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  const SharedObject in("in", kVolume);
  REQUIRE(add_region(local, "in", in.key(), 24).ok());
  CHECK(infer(server, shared_request()).status.error_code() == grpc::StatusCode::NOT_FOUND);

  const auto stub = inference::GRPCInferenceService::NewStub(local);
  grpc::ClientContext infer_context, status_context;
  inference::ModelInferResponse response;
  CHECK(stub->ModelInfer(&infer_context, shared_request(), &response).ok());
  inference::SystemSharedMemoryStatusResponse regions;
  REQUIRE(stub->SystemSharedMemoryStatus(&status_context, {}, &regions).ok());
  REQUIRE(regions.regions().contains("in"));
  CHECK(regions.regions().at("in").key() == in.key());
  CHECK(regions.regions().at("in").byte_size() == 24);
  grpc::ClientContext other_context;
  REQUIRE(server.kserve()->SystemSharedMemoryStatus(&other_context, {}, &regions).ok());
  CHECK(regions.regions().empty());
}

}  // namespace infer_shared_test
