#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

#include "client/segmentation_client.h"

namespace voxd {

/// What a channel to `address` is made with. Throws Error{invalid_argument} naming what cannot be read, or that the
/// token would be sent in clear.
std::shared_ptr<grpc::ChannelCredentials> credentials_for(const std::string& address, const ClientSecurity& security);

/// Adds the token, if there is one, to a call that is about to begin.
void identify(grpc::ClientContext& context, const ClientSecurity& security);

}  // namespace voxd
