#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "gpu_transforms/volume/error.h"

namespace voxd {

/// gRPC's code in voxd's words. Codes that voxd's servers do not use become `internal`, a missing identity
/// `permission_denied`.
Code code_of(grpc::StatusCode code);

/// The server's code and text. `connected` says whether the connection stands: without it, "unavailable" is about the
/// network, and the text says so with the address.
Error error_of(const grpc::Status& status, const std::string& address, bool connected);

}  // namespace voxd
