#pragma once

#include <optional>
#include <string>
#include <vector>

namespace grpc {
class CallbackServerContext;
}

namespace voxd {

/// Who calls and what comes with the call, whichever protocol it came over.
struct Caller {
  std::string peer;                   ///< address, as gRPC writes it: "ipv4:192.0.2.7:50710"
  std::vector<std::string> subjects;  ///< the names in its certificate (common name, alternative names), if it has one
  std::string token;                  ///< what stands after "Bearer " in `authorization`; empty if there is no such
  std::optional<std::string> name;    ///< what it says in `x-voxd-client`
  std::string trace;                  ///< the trace that its `traceparent` names; empty: none
};
Caller caller_of(const grpc::CallbackServerContext& context);

/// Whose call it is, for taking turns: the subject of the client's certificate, else what it says itself in the
/// metadata `x-voxd-client` (at most 64 printable characters), else its address without the port.
/// Throws Error{invalid_argument} for a name that cannot be one.
std::string client_of(const Caller& caller);

/// Who the caller has shown to be: "certificate NAME" or "token SHA-256"; empty if neither.
std::string identity_of(const Caller& caller);

/// What stands after "Bearer " in a value of `authorization`; empty if that is not what it is.
std::string bearer_token(const std::string& authorization);

/// "ipv4:192.0.2.7:50710" -> "192.0.2.7", "unix:..." -> "unix".
std::string host_of_peer(const std::string& peer);

/// The trace that a call belongs to: the 32 hexadecimal digits in its `traceparent` (W3C Trace Context); empty if it is
/// not well-formed.
std::string trace_id(const std::string& traceparent);

}  // namespace voxd
