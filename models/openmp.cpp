#include "models/openmp.h"

#include <unistd.h>

#include <cstdlib>

namespace voxd {

void prefer_passive_openmp(char** argv) {
  constexpr const char* variable = "OMP_WAIT_POLICY";
  if (std::getenv(variable) || setenv(variable, "PASSIVE", 1) != 0) return;
  execv("/proc/self/exe", argv);
  // Where that is not possible, spinning threads are all that is lost.
}

}  // namespace voxd
