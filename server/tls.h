#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "server/tls_files.h"

namespace voxd {

/// Credentials for a listener. Throws Error{invalid_argument} naming the setting of a file that cannot be read.
std::shared_ptr<grpc::ServerCredentials> make_tls_credentials(const TlsFiles& files);

}  // namespace voxd
