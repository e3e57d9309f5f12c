#include "server/errors.h"

#include <new>

namespace voxd {

Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {Code::resource_exhausted, "out of memory"};
  } catch (const std::exception& fault) {
    return {Code::internal, fault.what()};
  }
}

Error gone_caller(const std::optional<Clock::time_point>& deadline) {
  if (deadline && Clock::now() >= *deadline) return {Code::deadline_exceeded, "deadline: passed"};
  return {Code::cancelled, "cancelled by the caller"};
}

std::string_view status_name_of(Code code) {
  switch (code) {
    case Code::invalid_argument: return "INVALID_ARGUMENT";
    case Code::not_found: return "NOT_FOUND";
    case Code::already_exists: return "ALREADY_EXISTS";
    case Code::failed_precondition: return "FAILED_PRECONDITION";
    case Code::permission_denied: return "PERMISSION_DENIED";
    case Code::resource_exhausted: return "RESOURCE_EXHAUSTED";
    case Code::out_of_range: return "OUT_OF_RANGE";
    case Code::unimplemented: return "UNIMPLEMENTED";
    case Code::unavailable: return "UNAVAILABLE";
    case Code::deadline_exceeded: return "DEADLINE_EXCEEDED";
    case Code::cancelled: return "CANCELLED";
    case Code::data_loss: return "DATA_LOSS";
    case Code::internal: return "INTERNAL";
  }
  return "UNKNOWN";
}

}  // namespace voxd
