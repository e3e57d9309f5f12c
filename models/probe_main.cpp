// voxd_probe FILE OPTIONS: loads one network and ends. What it crashes on, or never ends with, is for its parent
// (NetworkProbe) to see. Not meant to be run by people.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "models/network_probe.h"
#include "models/probe_status.h"

namespace {

void forbid(int what) {
  const rlimit none{0, 0};
  ::setrlimit(static_cast<__rlimit_resource_t>(what), &none);
}

void confine(const voxd::NetworkOptions& options) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  std::ofstream("/proc/self/oom_score_adj") << 1000;  // rather this process than the server
  forbid(RLIMIT_CORE);
  // CUDA's driver writes caches of its own.
  if (options.device < 0) forbid(RLIMIT_FSIZE);
}

// Nothing is torn down: the network has shown what it does.
[[noreturn]] void end(int status) {
  std::fflush(nullptr);
  std::_Exit(status);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: voxd_probe FILE OPTIONS (started by voxd)\n");
    return 2;
  }
  try {
    const voxd::NetworkOptions options = voxd::probe_options(argv[2]);
    confine(options);
    voxd::configure_torch(VOXD_PROBE_THREADS);
    voxd::load_torchscript(argv[1], options);
    end(0);
  } catch (const std::exception& error) {
    std::fputs(error.what(), stdout);
    end(voxd::kProbeRefused);
  }
}
