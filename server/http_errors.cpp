#include "server/http_errors.h"

#include "server/http_listener.h"
#include "server/printable.h"

namespace voxd {

int http_status_of(Code code) {
  switch (code) {
    case Code::invalid_argument:
    case Code::already_exists:
    case Code::failed_precondition:
    case Code::out_of_range:
    case Code::cancelled: return 400;
    case Code::permission_denied: return 403;
    case Code::not_found: return 404;
    case Code::resource_exhausted: return 429;
    case Code::internal:
    case Code::data_loss: return 500;
    case Code::unimplemented: return 501;
    case Code::unavailable: return 503;
    case Code::deadline_exceeded: return 504;
  }
  return 500;
}

void answer_error(const Error& error, const Serving& serving, httplib::Response& response) {
  answer_http_error(response, http_status_of(error.code()), error.what());
  if (error.code() == Code::resource_exhausted)
    response.set_header("Retry-After", std::to_string((serving.retry_ms() + 999) / 1000));
}

void refuse_compressed(const httplib::Request& request) {
  const std::string encoding = request.get_header_value("Content-Encoding");
  if (!encoding.empty() && encoding != "identity")
    fail(Code::unimplemented, "Content-Encoding: '", printable(encoding),
         "' is not taken, bodies must not be compressed");
}

}  // namespace voxd
