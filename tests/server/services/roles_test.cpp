#include "server/roles.h"

#include "gpu_transforms/volume/error.h"
#include "models/sha256.h"
#include "tests/support/catch.h"

namespace roles_test {

using namespace voxd;
using Catch::Matchers::Contains;

namespace {

std::string sum_of(std::string_view token) { return Sha256().add(std::as_bytes(std::span(token))).hex(); }

}  // namespace

TEST_CASE("whoever is not named may do nothing but ask for health") {
  const Roles roles = Roles::parse("{}");
  CHECK(roles.allow(Role::none, {}, ""));
  CHECK_FALSE(roles.allow(Role::infer, {"gateway"}, "token"));
  CHECK_FALSE(roles.allow(Role::admin, {"gateway"}, "token"));
}

TEST_CASE("roles come by a certificate's names, by a token, or to anyone") {
  const Roles roles = Roles::parse(R"({"subjects": {"gateway": ["infer"], "ops": ["admin"]}, "tokens": {")" +
                                   sum_of("secret") + R"(": ["infer"]}})");
  CHECK(roles.allow(Role::infer, {"other", "gateway"}, ""));
  CHECK_FALSE(roles.allow(Role::admin, {"gateway"}, ""));
  CHECK(roles.allow(Role::admin, {"ops"}, ""));
  CHECK(roles.allow(Role::infer, {"ops"}, ""));
  CHECK(roles.allow(Role::infer, {}, "secret"));
  CHECK_FALSE(roles.allow(Role::admin, {}, "secret"));
  CHECK_FALSE(roles.allow(Role::infer, {}, "Secret"));
  CHECK_FALSE(roles.allow(Role::infer, {}, sum_of("secret")));
  CHECK(Roles::parse(R"({"anyone": ["infer"]})").allow(Role::infer, {}, ""));
}

TEST_CASE("a file of roles that is not understood is refused with what is wrong in it") {
  const auto refusal = [](const std::string& json) {
    try {
      Roles::parse(json);
    } catch (const Error& error) {
      CHECK(error.code() == Code::invalid_argument);
      return std::string(error.what());
    }
    return std::string("was taken");
  };
  CHECK_THAT(refusal("subjects"), Contains("not a JSON object"));
  CHECK_THAT(refusal("[]"), Contains("not a JSON object"));
  CHECK_THAT(refusal(R"({"users": {}})"), Contains("'users', known: subjects, tokens, anyone"));
  CHECK_THAT(refusal(R"({"subjects": ["gateway"]})"), Contains("subjects: expected names with roles"));
  CHECK_THAT(refusal(R"({"subjects": {"gateway": "infer"}})"), Contains("subjects.gateway: expected a list"));
  CHECK_THAT(refusal(R"({"subjects": {"gateway": ["root"]}})"), Contains("\"root\", known roles"));
  CHECK_THAT(refusal(R"({"tokens": {"secret": ["infer"]}})"), Contains("SHA-256"));
}

TEST_CASE("every RPC that is not listed needs the role of an administrator") {
  CHECK(role_for("ServerLive") == Role::none);
  CHECK(role_for("ModelInfer") == Role::infer);
  for (const char* rpc :
       {"RepositoryModelLoad", "RepositoryModelUnload", "SystemSharedMemoryRegister", "SystemSharedMemoryStatus",
        "CudaSharedMemoryRegister", "TraceSetting", "LogSettings", "SomethingNew"})
    CHECK(role_for(rpc) == Role::admin);
}

}  // namespace roles_test
