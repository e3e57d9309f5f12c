#include "models/network_probe.h"

#include <chrono>
#include <cstring>

#include "models/child_process.h"
#include "models/file_state.h"
#include "models/probe_status.h"

namespace voxd {
namespace {

namespace fs = std::filesystem;

constexpr const char* program_name = "voxd_probe";

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

void refuse(const ChildEnd& end, std::chrono::milliseconds limit) {
  if (end.timed_out)
    fail(Code::failed_precondition, "the network did not load within ", std::chrono::duration<double>(limit).count(),
         " s");
  if (end.signal != 0) {
    const char* const name = ::sigdescr_np(end.signal);
    fail(Code::failed_precondition, "the network crashed (signal ", end.signal, ", ", name ? name : "unknown",
         ") when it was loaded");
  }
  if (end.status == kProbeRefused) fail(Code::invalid_argument, first_line(end.output));
  if (end.status != 0)
    fail(Code::failed_precondition, "the network crashed (status ", end.status, ") when it was loaded");
}

}  // namespace

NetworkProbe::NetworkProbe(std::chrono::milliseconds limit) : limit_(limit), program_(program_beside(program_name)) {}

bool NetworkProbe::check(const fs::path& file, const NetworkOptions& options) {
  const std::string argument = probe_argument(options);
  const std::string state = file_state(file) + argument;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = passed_.find(file); known != passed_.end() && known->second == state) return false;
  }
  refuse(run_child(program_, {file.string(), argument}, limit_), limit_);
  const std::lock_guard lock(mutex_);
  passed_[file] = state;
  return true;
}

}  // namespace voxd
