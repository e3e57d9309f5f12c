#include "server/serving.h"

#include <algorithm>
#include <atomic>
#include <iomanip>
#include <random>
#include <sstream>

namespace voxd {
namespace {

constexpr std::size_t kMaxNameLength = 64;

bool can_be_name(const std::string& name) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= kMaxNameLength && std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace

std::shared_ptr<const Model> Serving::find_model(const std::string& name, const std::string& version) const {
  if (name.empty()) fail(Code::invalid_argument, "model name: empty");
  if (!can_be_name(name)) fail(Code::not_found, "Request for unknown model: '", printable(name), "' is not found");
  if (version.size() > 20 ||
      !std::all_of(version.begin(), version.end(), [](unsigned char c) { return std::isdigit(c); }))
    fail(Code::not_found, "Request for unknown model: '", name, "' has no version '", printable(version), "'");
  return models.find(name, version);
}

void Serving::give_up(Job& job) const {
  job.cancel.cancel();
  queue.remove(job, Error(Code::cancelled, "cancelled by the caller"));
}

bool Serving::ready() const {
  if (admission.closed()) return false;
  const std::vector<ModelStatus> list = models.list();
  return std::any_of(list.begin(), list.end(), [](const ModelStatus& status) { return status.ready; });
}

void check_deadline(const std::optional<Clock::time_point>& deadline) {
  if (deadline && Clock::now() >= *deadline) fail(Code::deadline_exceeded, "deadline: passed before the work began");
}

std::string make_request_id() {
  static const std::uint64_t start = (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
  static std::atomic<std::uint64_t> count{0};
  // An odd multiplier walks through all 64-bit numbers, so that ids of one process never repeat.
  const std::uint64_t id = start + 0x9E3779B97F4A7C15u * count.fetch_add(1, std::memory_order_relaxed);
  std::ostringstream text;
  text << std::hex << std::setw(16) << std::setfill('0') << id;
  return text.str();
}

std::string printable(const std::string& text, std::size_t limit) {
  std::ostringstream out;
  out << std::hex << std::setfill('0');
  for (const char c : text.substr(0, limit)) {
    if (c >= ' ' && c <= '~' && c != '\\')
      out << c;
    else
      out << "\\x" << std::setw(2) << static_cast<int>(static_cast<unsigned char>(c));
  }
  if (text.size() > limit) out << "...";
  return out.str();
}

}  // namespace voxd
