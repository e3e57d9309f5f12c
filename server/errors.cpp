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

}  // namespace voxd
