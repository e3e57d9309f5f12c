#include <grpcpp/grpcpp.h>

#include "models/network.h"
#include "server/version.h"

namespace voxd {

std::string version_text() {
  return "voxd " + version() + "\nlibtorch " + torch_version() + "\ngRPC " + grpc::Version();
}

}  // namespace voxd
