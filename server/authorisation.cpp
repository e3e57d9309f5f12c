#include "server/authorisation.h"

#include <spdlog/spdlog.h>

#include <fstream>
#include <sstream>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

std::string_view name_of(Role role) {
  switch (role) {
    case Role::none: return "none";
    case Role::infer: return "infer";
    case Role::admin: return "admin";
  }
  return "unknown";
}

std::shared_ptr<const Roles> read(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) fail(Code::invalid_argument, "--roles: '", file.string(), "' cannot be read");
  try {
    return std::make_shared<const Roles>(Roles::parse(text.str()));
  } catch (const Error& error) {
    fail(Code::invalid_argument, "--roles: '", file.string(), "': ", error.what());
  }
}

}  // namespace

Authorisation::Authorisation(std::filesystem::path file) : file_(std::move(file)) {
  if (file_.empty()) return;
  stamp_ = stamp_of(file_);
  roles_ = read(file_);
}

void Authorisation::require(const Caller& caller, std::string_view rpc) const {
  const std::shared_ptr<const Roles> now = roles();
  if (!now) return;
  const Role needed = role_for(rpc);
  if (!now->allow(needed, caller.subjects, caller.token))
    fail(Code::permission_denied, rpc, ": needs the role '", name_of(needed), "', which this caller has not");
}

Authorisation::Stamp Authorisation::stamp_of(const std::filesystem::path& file) {
  std::error_code ignored;
  return {std::filesystem::last_write_time(file, ignored), std::filesystem::file_size(file, ignored)};
}

std::shared_ptr<const Roles> Authorisation::roles() const {
  if (file_.empty()) return nullptr;
  const Stamp now = stamp_of(file_);
  const std::lock_guard lock(mutex_);
  if (now == stamp_) return roles_;
  stamp_ = now;
  try {
    roles_ = read(file_);
    spdlog::info("roles are read again");
  } catch (const Error& error) {
    spdlog::warn("{}; the roles stay as they were", error.what());
  }
  return roles_;
}

}  // namespace voxd
