#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/kserve_calls.h"

namespace voxd {

/// One of the protocol's small calls over HTTP. Answers are JSON; health is said by the status alone.
struct RestCall {
  std::string method;             ///< "GET" or "POST"; a "HEAD" is a "GET"
  std::vector<std::string> path;  ///< its parts, decoded
  std::string body;
};
struct RestAnswer {
  int status = 200;
  std::string json = {};
};

/// The model that a path asks an inference of.
struct RestTarget {
  std::string model, version;  ///< as the path has them; "" is any version
};

/// "/v2/models/spleen" -> {"v2", "models", "spleen"}; empty parts are left out.
std::vector<std::string> path_parts(std::string_view path);
/// True for v2/models/M[/versions/V]/infer, whose parts then stand in `target`.
bool is_inference(const std::vector<std::string>& path, RestTarget& target);

/// Answers any other call. Blocks while a model is loaded or unloaded. Throws Error.
RestAnswer answer_rest(const KserveCalls& calls, const Caller& caller, const RestCall& call);

}  // namespace voxd
