#include "client/security.h"

#include <fstream>
#include <sstream>

namespace voxd {
namespace {

std::string text_of(const std::filesystem::path& file, const char* what) {
  if (file.empty()) return {};
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) fail(Code::invalid_argument, what, ": '", file.string(), "' cannot be read");
  return text.str();
}

bool stays_on_this_machine(const std::string& address) {
  return address.starts_with("unix:") || address.starts_with("localhost:") || address.starts_with("127.") ||
         address.starts_with("[::1]:");
}

}  // namespace

std::shared_ptr<grpc::ChannelCredentials> credentials_for(const std::string& address, const ClientSecurity& security) {
  if (security.certificate.empty() != security.key.empty())
    fail(Code::invalid_argument, "certificate and key: only one of them is given");
  if (security.ca.empty()) {
    if (!security.certificate.empty())
      fail(Code::invalid_argument, "certificate: needs the server's authority beside it");
    if (!security.token.empty() && !stays_on_this_machine(address))
      fail(Code::invalid_argument, "token: would go to ", address, " in clear; give the authority of its certificate");
    return grpc::InsecureChannelCredentials();
  }
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = text_of(security.ca, "authority");
  options.pem_cert_chain = text_of(security.certificate, "certificate");
  options.pem_private_key = text_of(security.key, "key");
  return grpc::SslCredentials(options);
}

void identify(grpc::ClientContext& context, const ClientSecurity& security) {
  if (!security.token.empty()) context.AddMetadata("authorization", "Bearer " + security.token);
}

}  // namespace voxd
