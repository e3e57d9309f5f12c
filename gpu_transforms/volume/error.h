#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace voxd {

/// What kind of fault it is; the names and meanings are gRPC's status codes.
enum class Code {
  invalid_argument,
  not_found,
  already_exists,
  failed_precondition,
  permission_denied,
  resource_exhausted,
  out_of_range,
  unimplemented,
  unavailable,
  deadline_exceeded,
  cancelled,
  data_loss,
  internal,
};

/// The one exception type of voxd: a code, and a sentence that names the field, the value and the limit
/// ("dim[1]: 70000 voxels, at most 4096"), so that a caller can act on it. Holds nothing from an image's content.
class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Code code() const noexcept { return code_; }

 private:
  Code code_;
};

/// Throws Error{code} with the parts written one after the other: fail(Code::invalid_argument, "dim[", i, "]: ...").
template <class... Parts>
[[noreturn]] void fail(Code code, Parts&&... parts) {
  std::ostringstream message;
  (message << ... << std::forward<Parts>(parts));
  throw Error(code, message.str());
}

}  // namespace voxd
