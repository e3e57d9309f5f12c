#include "server/shared_memory_settings.h"

#include <CLI/CLI.hpp>

#include "gpu_transforms/stream.h"

namespace voxd {

void add_shared_memory_options(CLI::App& app, SharedMemory::Options& options) {
  app.add_option(
         "--shm",
         [&options](const CLI::results_t& given) {
           options.enabled = given.front() != "off";
           options.cuda = given.front() == "system+cuda";
           return true;
         },
         "Memory that clients on this machine share instead of sending it: off, system (POSIX shared memory), or "
         "system+cuda (memory of CUDA devices, too)")
      ->envname("VOXD_SHM")
      ->default_str("off")
      ->check(CLI::IsMember({"off", "system", "system+cuda"}))
      ->type_name("WHICH");
  app.add_option("--shm-key-prefix", options.key_prefixes,
                 "With what the keys of clients' shared memory must begin; may be repeated")
      ->envname("VOXD_SHM_KEY_PREFIX")
      ->capture_default_str()
      ->type_name("PREFIX");
  app.add_option("--shm-uid", options.owners,
                 "User id whose shared memory is taken, beside that of the server's own user; may be repeated")
      ->envname("VOXD_SHM_UID")
      ->type_name("UID");
  app.add_flag("--shm-allow-remote", options.allow_remote,
               "Let callers on addresses other than unix sockets and loopback name shared memory, too")
      ->envname("VOXD_SHM_ALLOW_REMOTE");
  app.add_option("--shm-bytes", options.max_bytes, "All of clients' shared memory together")
      ->envname("VOXD_SHM_BYTES")
      ->capture_default_str()
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::PositiveNumber)
      ->type_name("BYTES");
  app.add_option("--shm-idle-timeout", options.idle_s,
                 "Seconds after which shared memory that no request used is forgotten; 0: when the client says so")
      ->envname("VOXD_SHM_IDLE_TIMEOUT")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 31536000.0))
      ->type_name("SECONDS");
}

void check(const SharedMemory::Options& options) {
  std::string why;
  if (options.cuda && cuda_device_count(&why) == 0) fail(Code::invalid_argument, "--shm: system+cuda: ", why);
}

}  // namespace voxd
