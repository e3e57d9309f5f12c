#include "server/version.h"

namespace voxd {

std::string version() { return VOXD_VERSION; }

}  // namespace voxd
