#include "client/voxctl/exit_code.h"

namespace voxd::ctl {

ExitCode exit_code_of(Code code) {
  switch (code) {
    case Code::invalid_argument:
    case Code::out_of_range:
    case Code::unimplemented:
    case Code::failed_precondition: return ExitCode::bad_input;
    case Code::not_found: return ExitCode::not_found;
    case Code::unavailable: return ExitCode::unreachable;
    case Code::resource_exhausted: return ExitCode::overloaded;
    case Code::deadline_exceeded: return ExitCode::deadline;
    case Code::permission_denied: return ExitCode::forbidden;
    case Code::cancelled: return ExitCode::cancelled;
    case Code::already_exists:
    case Code::data_loss:
    case Code::internal: return ExitCode::server_error;
  }
  return ExitCode::server_error;
}

}  // namespace voxd::ctl
