// What all commands of voxctl share: which server, and how the two prove who they are.

#include <fstream>

#include "client/voxctl/commands.h"

namespace voxd::ctl {

ClientOptions Shared::client_options() const {
  ClientOptions options;
  options.security = security;
  if (token_file.empty()) return options;
  std::ifstream in(token_file);
  if (!std::getline(in, options.security.token) || options.security.token.empty())
    fail(Code::not_found, "--token-file: '", token_file.string(), "' has no first line that can be read");
  return options;
}

void add_shared_options(CLI::App& app, Shared& shared) {
  app.add_option("--address", shared.address, "Server, as host:port or unix:path")
      ->envname("VOXD_ADDRESS")
      ->capture_default_str();
  app.add_option("--tls-ca", shared.security.ca, "Authorities (PEM) of the server's certificate; without it no TLS")
      ->envname("VOXCTL_TLS_CA");
  app.add_option("--tls-cert", shared.security.certificate, "Your own certificate (PEM), where the server asks for one")
      ->envname("VOXCTL_TLS_CERT");
  app.add_option("--tls-key", shared.security.key, "Its private key (PEM)")->envname("VOXCTL_TLS_KEY");
  app.add_option("--tls-server-name", shared.security.server_name,
                 "Name that the server's certificate is good for, where that is not the address's host");
  app.add_option("--token-file", shared.token_file, "File with your token in its first line")
      ->envname("VOXCTL_TOKEN_FILE");
}

}  // namespace voxd::ctl
