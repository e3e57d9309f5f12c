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
  // The caller's own timer ends a call, and the time that it told the server was rounded up: gRPC sends a timeout from 10 s
  // on in steps of 100 ms.
  constexpr std::chrono::milliseconds rounding{100};
  if (deadline && Clock::now() >= *deadline - rounding) return {Code::deadline_exceeded, "deadline: passed"};
  return {Code::cancelled, "cancelled by the caller"};
}

}  // namespace voxd
