#pragma once

#include <string>
#include <vector>

namespace grpc {
class CallbackServerContext;
}

namespace voxd {

/// Whose call it is, for taking turns: the subject of the client's certificate, else what it says itself in the
/// metadata `x-voxd-client` (at most 64 printable characters), else its address without the port.
/// Throws Error{invalid_argument} for a name that cannot be one.
std::string client_of(const grpc::CallbackServerContext& context);

/// The names in the client's certificate (its subject's common name and alternative names); empty without one.
std::vector<std::string> subjects_of(const grpc::CallbackServerContext& context);
/// What stands after "Bearer " in the metadata `authorization`; empty if there is no such.
std::string token_of(const grpc::CallbackServerContext& context);

/// Who the caller has shown to be: "certificate NAME" or "token SHA-256"; empty if neither.
std::string identity_of(const grpc::CallbackServerContext& context);

/// "ipv4:192.0.2.7:50710" -> "192.0.2.7", "unix:..." -> "unix".
std::string host_of_peer(const std::string& peer);

/// The trace that the call belongs to: the 32 hexadecimal digits in the metadata `traceparent` (W3C Trace Context);
/// empty if there is none or it is not well-formed.
std::string trace_of(const grpc::CallbackServerContext& context);
std::string trace_id(const std::string& traceparent);

}  // namespace voxd
