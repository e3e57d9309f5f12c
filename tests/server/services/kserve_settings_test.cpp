#include <spdlog/spdlog.h>

#include "server/log_settings.h"
#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/code_of.h"

namespace kserve_settings_test {

using namespace voxd;
using namespace voxd::test;

namespace {

using Request = inference::LogSettingsRequest;

Request turn(const std::string& name, bool on) {
  Request request;
  (*request.mutable_settings())[name].set_bool_param(on);
  return request;
}

Request verbose(std::uint32_t level) {
  Request request;
  (*request.mutable_settings())["log_verbose_level"].set_uint32_param(level);
  return request;
}

inference::LogSettingsResponse apply(const Request& request) {
  inference::LogSettingsResponse response;
  apply_log_settings(request, true, response);
  return response;
}

std::optional<Code> applying(const Request& request, bool may_change = true) {
  inference::LogSettingsResponse response;
  return code_of([&] { apply_log_settings(request, may_change, response); });
}

/// Starts at a level, and leaves the log silent again.
struct AtLevel {
  explicit AtLevel(spdlog::level::level_enum level) { spdlog::set_level(level); }
  ~AtLevel() { spdlog::set_level(spdlog::level::off); }
};

}  // namespace

TEST_CASE("log settings say the level that the log has") {
  const AtLevel level(spdlog::level::warn);
  const inference::LogSettingsResponse response = apply({});
  CHECK(response.settings_size() == 4);
  CHECK(response.settings().at("log_error").bool_param());
  CHECK(response.settings().at("log_warning").bool_param());
  CHECK_FALSE(response.settings().at("log_info").bool_param());
  CHECK(response.settings().at("log_verbose_level").uint32_param() == 0);
}

TEST_CASE("turning a level on turns on those before it, and turning it off those after it") {
  const AtLevel level(spdlog::level::off);
  const auto level_after = [](const Request& request) {
    apply(request);
    return spdlog::get_level();
  };
  CHECK(level_after(turn("log_info", true)) == spdlog::level::info);
  CHECK(level_after(verbose(1)) == spdlog::level::debug);
  CHECK(level_after(verbose(2)) == spdlog::level::trace);
  CHECK(level_after(turn("log_warning", true)) == spdlog::level::trace);
  CHECK(level_after(verbose(0)) == spdlog::level::info);
  CHECK(level_after(turn("log_warning", false)) == spdlog::level::err);
  CHECK(level_after(turn("log_error", false)) == spdlog::level::off);
}

TEST_CASE("settings that contradict each other, or are no levels, change nothing") {
  const AtLevel level(spdlog::level::err);
  Request contrary = turn("log_info", true);
  (*contrary.mutable_settings())["log_error"].set_bool_param(false);
  CHECK(applying(contrary) == Code::invalid_argument);
  Request file;
  (*file.mutable_settings())["log_file"].set_string_param("/etc/passwd");
  CHECK(applying(file) == Code::invalid_argument);
  Request wrong_kind;
  (*wrong_kind.mutable_settings())["log_info"].set_uint32_param(1);
  CHECK(applying(wrong_kind) == Code::invalid_argument);
  CHECK(applying(verbose(3)) == Code::invalid_argument);
  CHECK(spdlog::get_level() == spdlog::level::err);
}

TEST_CASE("log settings are read by everyone and changed where models may be") {
  CHECK(applying({}, false) == std::nullopt);
  CHECK(applying(turn("log_error", false), false) == Code::permission_denied);
  const ServerFixture server;
  inference::LogSettingsResponse response;
  grpc::ClientContext reading, changing;
  CHECK(server.kserve()->LogSettings(&reading, {}, &response).ok());
  CHECK(server.kserve()->LogSettings(&changing, turn("log_error", false), &response).error_code() ==
        grpc::StatusCode::PERMISSION_DENIED);
}

TEST_CASE("there are no traces, and that cannot be changed") {
  const ServerFixture server;
  const auto asking = [&](const inference::TraceSettingRequest& request, inference::TraceSettingResponse& response) {
    grpc::ClientContext context;
    return server.kserve()->TraceSetting(&context, request, &response).error_code();
  };
  inference::TraceSettingRequest request;
  inference::TraceSettingResponse response;
  CHECK(asking(request, response) == grpc::StatusCode::OK);
  REQUIRE(response.settings().contains("trace_level"));
  CHECK(response.settings().at("trace_level").value(0) == "OFF");
  request.set_model_name("fake");
  CHECK(asking(request, response) == grpc::StatusCode::OK);
  (*request.mutable_settings())["trace_file"].add_value("/etc/passwd");
  CHECK(asking(request, response) == grpc::StatusCode::UNIMPLEMENTED);
  request.clear_settings();
  request.set_model_name("nothing");
  CHECK(asking(request, response) == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("memory of CUDA devices is not taken, and there is none to forget") {
  const ServerFixture server;
  const auto stub = server.kserve();
  grpc::ClientContext status, named, adding, forgetting;
  inference::CudaSharedMemoryStatusResponse regions;
  CHECK(stub->CudaSharedMemoryStatus(&status, {}, &regions).ok());
  CHECK(regions.regions().empty());
  inference::CudaSharedMemoryStatusRequest one;
  one.set_name("x");
  CHECK(stub->CudaSharedMemoryStatus(&named, one, &regions).error_code() == grpc::StatusCode::NOT_FOUND);
  inference::CudaSharedMemoryRegisterResponse added;
  CHECK(stub->CudaSharedMemoryRegister(&adding, {}, &added).error_code() == grpc::StatusCode::UNIMPLEMENTED);
  inference::CudaSharedMemoryUnregisterResponse forgotten;
  CHECK(stub->CudaSharedMemoryUnregister(&forgetting, {}, &forgotten).ok());
}

}  // namespace kserve_settings_test
