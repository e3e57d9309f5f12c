#pragma once

#include <httplib.h>

#include "server/serving.h"

namespace voxd {

/// HTTP's status for an error, Triton's where Triton has one.
int http_status_of(Code code);

/// {"error": "..."} with that status, and where it helps to come again, Retry-After in seconds.
void answer_error(const Error& error, const Serving& serving, httplib::Response& response);

/// Throws Error{unimplemented} if the request's body is compressed.
void refuse_compressed(const httplib::Request& request);

}  // namespace voxd
