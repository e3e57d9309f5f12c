#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

namespace voxd::test {

/// What grpc.health.v1.Health/Check says of a service: "SERVING", "NOT_SERVING", or the error's text.
std::string health_of(const std::shared_ptr<grpc::Channel>& channel, const std::string& service = "");

}  // namespace voxd::test
