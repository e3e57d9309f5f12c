#include "server/tls.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <fstream>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

constexpr unsigned kLookEverySeconds = 1;

// gRPC would only log it, and refuse every handshake.
void check_readable(const char* setting, const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  while (in && std::getline(in, line))
    if (line.starts_with("-----BEGIN ")) return;
  fail(Code::invalid_argument, setting, ": '", file.string(), "' is not a PEM file that can be read");
}

}  // namespace

std::shared_ptr<grpc::ServerCredentials> make_tls_credentials(const TlsFiles& files) {
  check_readable("--tls-cert", files.certificate);
  check_readable("--tls-key", files.key);
  if (!files.client_ca.empty()) check_readable("--tls-client-ca", files.client_ca);
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          files.key.string(), files.certificate.string(), files.client_ca.string(), kLookEverySeconds));
  options.watch_identity_key_cert_pairs();
  if (!files.client_ca.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace voxd
