#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string_view>

#include "server/caller.h"
#include "server/roles.h"

namespace voxd {

/// The one place that says whether a caller may do what it asks for. Goes by a file of roles, which is read again when
/// it has changed; one that cannot be read leaves in force what was. Safe from any thread.
class Authorisation {
 public:
  /// Empty: everyone may do everything. Throws Error{invalid_argument} with the setting's name and what is wrong.
  explicit Authorisation(std::filesystem::path file);

  /// Throws Error{permission_denied} naming the role that the RPC needs. The caller is known by its certificate and by
  /// the token in its metadata, `authorization: Bearer TOKEN`.
  void require(const Caller& caller, std::string_view rpc) const;

 private:
  struct Stamp {
    std::filesystem::file_time_type time{};
    std::uintmax_t size = 0;
    bool operator==(const Stamp&) const = default;
  };
  static Stamp stamp_of(const std::filesystem::path& file);
  std::shared_ptr<const Roles> roles() const;

  const std::filesystem::path file_;
  mutable std::mutex mutex_;
  mutable Stamp stamp_;                         // guarded by mutex_, like the next
  mutable std::shared_ptr<const Roles> roles_;  // null: none are asked for
};

}  // namespace voxd
