#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <fstream>
#include <thread>

#include "models/sha256.h"
#include "tests/server/services/certificates.h"
#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"

namespace security_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

constexpr grpc::StatusCode kDenied = grpc::StatusCode::PERMISSION_DENIED;

Settings with_tls(const Certificates& made, bool of_clients) {
  Settings settings;
  settings.tls = {made.certificate("server"), made.key("server"), {}};
  if (of_clients) settings.tls.client_ca = made.authority();
  return settings;
}

/// A channel that knows the authority, with a client's certificate if one is named.
std::shared_ptr<grpc::Channel> tls_channel(const App& app, const Certificates& made, const std::string& client = {}) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = text_of(made.authority());
  if (!client.empty()) {
    options.pem_cert_chain = text_of(made.certificate(client));
    options.pem_private_key = text_of(made.key(client));
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(app.ports().at(0)), grpc::SslCredentials(options),
                                   arguments);
}

grpc::Status ask_for_models(const std::shared_ptr<grpc::Channel>& channel, const std::string& token = {}) {
  grpc::ClientContext context;
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  v1::ListModelsResponse response;
  return v1::Segmentation::NewStub(channel)->ListModels(&context, {}, &response);
}

std::string sum_of(std::string_view token) { return Sha256().add(std::as_bytes(std::span(token))).hex(); }

}  // namespace

TEST_CASE("with a certificate the server speaks TLS only") {
  Certificates made;
  made.issue("server");
  const ServerFixture server(with_tls(made, false));
  CHECK(ask_for_models(tls_channel(*server.app, made)).ok());
  CHECK(ask_for_models(connect(*server.app)).error_code() == grpc::StatusCode::UNAVAILABLE);
  const std::string image = small_image();
  CHECK(segment(tls_channel(*server.app, made), open_for(image), image).status.ok());
}

TEST_CASE("with a client authority only its certificates get in, and roles go by their subject") {
  Certificates made;
  for (const char* name : {"server", "gateway", "stranger"}) made.issue(name);
  Certificates foreign;
  foreign.issue("gateway");
  TemporaryFolder folder;
  Settings settings = with_tls(made, true);
  settings.roles = folder.write("roles.json", R"({"subjects": {"gateway": ["infer"]}})");
  const ServerFixture server(settings);
  CHECK(ask_for_models(tls_channel(*server.app, made, "gateway")).ok());
  CHECK(ask_for_models(tls_channel(*server.app, made, "stranger")).error_code() == kDenied);
  CHECK(ask_for_models(tls_channel(*server.app, made)).error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK(ask_for_models(tls_channel(*server.app, foreign, "gateway")).error_code() == grpc::StatusCode::UNAVAILABLE);
}

TEST_CASE("a certificate that is replaced is served without a restart") {
  Certificates made;
  for (const char* name : {"server", "next", "gateway"}) made.issue(name);
  const ServerFixture server(with_tls(made, true));
  const auto serves_as = [&](const std::string& name) {
    grpc::SslCredentialsOptions options;
    // A client that trusts this one certificate and no other.
    options.pem_root_certs = text_of(made.certificate(name));
    options.pem_cert_chain = text_of(made.certificate("gateway"));
    options.pem_private_key = text_of(made.key("gateway"));
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return ask_for_models(grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server.app->ports().at(0)),
                                                    grpc::SslCredentials(options), arguments))
        .ok();
  };
  CHECK(serves_as("server"));
  const std::string old = text_of(made.certificate("server"));
  made.replace("server", "next");
  while (!serves_as("next")) std::this_thread::yield();
  CHECK(text_of(made.certificate("server")) != old);
}

TEST_CASE("files that are no certificates are refused at start with their setting") {
  Certificates made;
  made.issue("server");
  TemporaryFolder folder;
  Settings settings = with_tls(made, true);
  const auto refusal = [&] {
    try {
      const ServerFixture server(settings);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("was taken");
  };
  settings.tls.client_ca = folder.path() / "nothing.crt";
  CHECK_THAT(refusal(), Contains("--tls-client-ca: '"));
  settings.tls.key = folder.write("empty.key", "");
  CHECK_THAT(refusal(), Contains("--tls-key: '"));
}

TEST_CASE("each RPC is refused without its role, and taken with it") {
  TemporaryFolder folder;
  Settings settings;
  settings.roles = folder.write("roles.json", R"({"tokens": {")" + sum_of("of-a-gateway") + R"(": ["infer"], ")" +
                                                  sum_of("of-an-operator") + R"(": ["admin"]}})");
  const ServerFixture server(settings);
  const std::string image = small_image();
  const auto with = [](grpc::ClientContext& context, const std::string& token) {
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  };
  const auto kserve = server.kserve();
  using Call = std::function<grpc::StatusCode(const std::string& token)>;
  const auto unary = [&](auto method, auto request, auto response) -> Call {
    return [&, method, request, response](const std::string& token) mutable {
      grpc::ClientContext context;
      with(context, token);
      return ((*kserve).*method)(&context, request, &response).error_code();
    };
  };
  using Stub = inference::GRPCInferenceService::Stub;
#define VOXD_CALL(name) {#name, unary(&Stub::name, inference::name##Request(), inference::name##Response())}
  std::map<std::string, Call> calls{VOXD_CALL(ServerLive),
                                    VOXD_CALL(ServerReady),
                                    VOXD_CALL(ModelReady),
                                    VOXD_CALL(ServerMetadata),
                                    VOXD_CALL(ModelMetadata),
                                    VOXD_CALL(ModelConfig),
                                    VOXD_CALL(ModelStatistics),
                                    VOXD_CALL(ModelInfer),
                                    VOXD_CALL(RepositoryIndex),
                                    VOXD_CALL(RepositoryModelLoad),
                                    VOXD_CALL(RepositoryModelUnload),
                                    VOXD_CALL(SystemSharedMemoryStatus),
                                    VOXD_CALL(SystemSharedMemoryRegister),
                                    VOXD_CALL(SystemSharedMemoryUnregister),
                                    VOXD_CALL(CudaSharedMemoryStatus),
                                    VOXD_CALL(CudaSharedMemoryRegister),
                                    VOXD_CALL(CudaSharedMemoryUnregister),
                                    VOXD_CALL(TraceSetting),
                                    VOXD_CALL(LogSettings)};
#undef VOXD_CALL
  calls["ListModels"] = [&](const std::string& token) { return ask_for_models(server.channel, token).error_code(); };
  calls["ModelStreamInfer"] = [&](const std::string& token) {
    grpc::ClientContext context;
    with(context, token);
    const auto stream = kserve->ModelStreamInfer(&context);
    stream->WritesDone();
    return stream->Finish().error_code();
  };
  calls["Segment"] = [&](const std::string& token) {
    SegmentCaller caller(server.channel);
    with(caller.context(), token);
    caller.send_all(open_for(image), image);
    return caller.finish().status.error_code();
  };
  CHECK(calls.size() == 22);  // all of both services
  for (auto& [name, call] : calls) {
    CAPTURE(name);
    const Role needed = role_for(name);
    for (const char* token : {"", "wrong"}) CHECK((call(token) == kDenied) == (needed != Role::none));
    if (needed == Role::infer) CHECK(call("of-a-gateway") != kDenied);
    if (needed == Role::admin) CHECK(call("of-a-gateway") == kDenied);
    // Models are loaded by clients only with --model-control, whoever they are.
    if (!name.starts_with("RepositoryModel")) CHECK(call("of-an-operator") != kDenied);
  }
}

TEST_CASE("roles are read again when their file changes, and stay as they were when it is broken") {
  TemporaryFolder folder;
  Settings settings;
  settings.roles = folder.write("roles.json", "{}");
  const ServerFixture server(settings);
  const auto code = [&] { return ask_for_models(server.channel, "token").error_code(); };
  CHECK(code() == kDenied);
  folder.write("roles.json", R"({"tokens": {")" + sum_of("token") + R"(": ["infer"]}})");
  CHECK(code() == grpc::StatusCode::OK);
  folder.write("roles.json", "{ broken");
  CHECK(code() == grpc::StatusCode::OK);
  std::filesystem::remove(settings.roles);
  CHECK(code() == grpc::StatusCode::OK);
}

}  // namespace security_test
