#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "server/logging.h"
#include "server/shared_memory.h"
#include "server/tls_files.h"

namespace voxd {

/// Where jobs run.
struct DeviceSetting {
  bool cuda = false;
  int ordinal = 0;  ///< of the CUDA device
};

/// What the operator can set. Flags, VOXD_... variables and a configuration file say the same things under the same
/// names; a flag beats a variable, which beats the file.
struct Settings {
  std::filesystem::path model_repository;  ///< empty: none
  std::vector<std::string> models;         ///< only these, each a name or a .ts file; empty: all of the repository
  std::vector<std::string> addresses = {"127.0.0.1:8001"};
  std::filesystem::path port_file;  ///< empty: none
  bool insecure = false;
  TlsFiles tls;
  std::filesystem::path roles;       ///< who may do what; empty: everyone everything
  std::filesystem::path audit_file;  ///< empty: none
  bool model_control = false;        ///< clients may load and unload models
  DeviceSetting device;
  int workers = 1;
  int threads = 0;              ///< per worker; 0: cores / workers
  std::string metrics_address;  ///< of HTTP for operators; empty: none
  std::string http_address;     ///< of KServe over HTTP; empty: none
  int queue_jobs = 64;
  std::int64_t queue_bytes = std::int64_t{8} << 30;
  std::int64_t max_image_bytes = std::int64_t{640} << 20;
  double client_share = 0.75;      ///< of the two that one client may hold
  double aging_s = 60;             ///< waited for which a job goes up by one priority; 0: it does not
  double stall_timeout_s = 30;     ///< that a caller may do nothing while something is expected of it; 0: any time
  std::int64_t budget_bytes = 0;   ///< working memory of one job; 0: no limit
  std::int64_t device_memory = 0;  ///< working memory of all jobs on the CUDA device; 0: most of what is free at start
  std::int64_t host_memory = 0;    ///< the same on the host, where on the CPU all of a job's memory is
  double decode_timeout_s = 20;    ///< of one compressed frame of a DICOM file
  double probe_timeout_s = 60;     ///< of a network that is loaded in a process of its own first; 0: it is not
  double drain_delay_s = 0;        ///< that the server goes on taking calls after it said NOT_SERVING
  double drain_timeout_s = 600;
  SharedMemory::Options shared_memory;
  LogSettings log;
};

/// What to do with a command line.
struct CommandLine {
  Settings settings;
  std::optional<int> exit_code;  ///< set: `text` is all there is to do (--help, --version, or what is wrong)
  std::string text;
};

/// Reads the command line, the environment and the file that --config names. Throws nothing: a bad setting comes back
/// as exit code 2 and a line with its name. `version_text` is what --version prints.
CommandLine parse_command_line(int argc, const char* const* argv, const std::string& version_text);

/// Throws Error{invalid_argument} naming the setting that contradicts another or is out of range.
void check(const Settings& settings);

/// Those of settings.models that are names in the repository, and those that are files.
std::vector<std::string> model_names(const Settings& settings);
std::vector<std::filesystem::path> model_files(const Settings& settings);

/// True for unix:..., localhost, 127.x.x.x and ::1.
bool is_local(const std::string& address);

/// threads, or the machine's cores divided among the workers.
int threads_per_worker(const Settings& settings);

/// "cpu", "cuda" or "cuda:N". Throws Error{invalid_argument}.
DeviceSetting parse_device(const std::string& text);

}  // namespace voxd
