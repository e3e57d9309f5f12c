#include "server/audit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

using Json = nlohmann::ordered_json;

constexpr mode_t kOwnerAndGroup = 0640;

std::string now_in_utc() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char date[32], text[48];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text, sizeof text, "%s.%03dZ", date, static_cast<int>(ms));
  return text;
}

std::string line_of(const AuditRecord& record) {
  Json json;
  json["time"] = now_in_utc();
  json["request_id"] = record.request_id;
  json["trace"] = record.trace;
  json["client"] = record.client;
  json["model"] = record.model;
  json["version"] = record.version;
  json["network_sha256"] = record.network_sha256;
  json["input_sha256"] = record.input_sha256;
  json["output_sha256"] = record.output_sha256;
  json["outcome"] = record.outcome;
  return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

bool write_all(int file, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::write(file, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

}  // namespace

Audit::Audit(std::filesystem::path file) : file_(std::move(file)) {
  if (on()) descriptor_ = open_file();
}

Audit::~Audit() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Audit::write(const AuditRecord& record) {
  if (!on()) return;
  const std::string line = line_of(record);
  const std::lock_guard lock(mutex_);
  struct stat before {};
  ::fstat(descriptor_, &before);
  if (write_all(descriptor_, line)) return;
  const int why = errno;
  // Half a line would spoil the next one.
  if (S_ISREG(before.st_mode) && ::ftruncate(descriptor_, before.st_size) != 0) ::close(std::exchange(descriptor_, -1));
  fail(Code::unavailable, "audit: the job cannot be written down (", std::strerror(why),
       "), so that its result is held back");
}

void Audit::reopen() {
  if (!on()) return;
  const int fresh = open_file();
  const std::lock_guard lock(mutex_);
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = fresh;
}

int Audit::open_file() const {
  const int file = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kOwnerAndGroup);
  if (file < 0) fail(Code::invalid_argument, "--audit-file: '", file_.string(), "': ", std::strerror(errno));
  return file;
}

}  // namespace voxd
