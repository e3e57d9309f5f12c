#include "server/tls_sessions.h"

#include <openssl/x509.h>

#include "gpu_transforms/volume/error.h"
#include "tests/server/services/certificates.h"
#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace tls_sessions_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

std::string served_by(TlsSessions& sessions) {
  const TlsSessions::Session session = sessions.start(0);
  char name[100] = "";
  ::X509_NAME_get_text_by_NID(::X509_get_subject_name(::SSL_get_certificate(session.get())), NID_commonName, name,
                              sizeof name);
  return name;
}

}  // namespace

TEST_CASE("TLS beside gRPC's takes up files that have changed, unless they are none") {
  silence_log();
  Certificates made;
  for (const char* name : {"server", "next"}) made.issue(name);
  TlsSessions sessions({made.certificate("server"), made.key("server"), made.authority()});
  CHECK(served_by(sessions) == "server");
  made.replace("server", "next");
  CHECK(served_by(sessions) == "next");
  std::filesystem::remove(made.certificate("server"));
  CHECK(served_by(sessions) == "next");
}

TEST_CASE("TLS beside gRPC's names the setting of a file that is none") {
  Certificates made;
  for (const char* name : {"server", "next"}) made.issue(name);
  TemporaryFolder folder;
  const std::filesystem::path none = folder.write("none", "nothing");
  CHECK_THROWS_WITH(TlsSessions({none, made.key("server"), {}}), Contains("--tls-cert: '" + none.string() + "'"));
  CHECK_THROWS_WITH(TlsSessions({made.certificate("server"), none, {}}), Contains("--tls-key: '"));
  CHECK_THROWS_WITH(TlsSessions({made.certificate("server"), made.key("next"), {}}), Contains("--tls-key: '"));
  CHECK_THROWS_WITH(TlsSessions({made.certificate("server"), made.key("server"), none}),
                    Contains("--tls-client-ca: '"));
}

}  // namespace tls_sessions_test
