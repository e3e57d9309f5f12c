#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace voxd {

/// What a caller may do. `none` is for what anyone may who reaches the server: health.
enum class Role { none, infer, admin };

/// The role that an RPC needs, by its name without the service ("ModelInfer"). One that is not listed needs admin.
Role role_for(std::string_view rpc);

/// Who has which role. Immutable; safe from any thread.
class Roles {
 public:
  /// Reads {"subjects": {"CN or SAN": ["infer"]}, "tokens": {"SHA-256 of a token, in hex": ["admin"]}, "anyone": []}.
  /// Each part may be missing. Throws Error{invalid_argument} naming what is not understood.
  static Roles parse(const std::string& json);

  /// `subjects`: the names in the client's certificate; `token`: as it came, or empty.
  bool allow(Role needed, const std::vector<std::string>& subjects, const std::string& token) const;

 private:
  using Granted = std::set<Role>;
  std::map<std::string, Granted> subjects_, tokens_;  // tokens by their sum
  Granted anyone_;
};

}  // namespace voxd
