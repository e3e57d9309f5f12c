#include "server/caller.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/server_context.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

#include "gpu_transforms/volume/error.h"
#include "models/sha256.h"

namespace voxd {
namespace {

constexpr const char* kClientKey = "x-voxd-client";
constexpr const char* kAuthorizationKey = "authorization";
constexpr std::string_view kBearer = "Bearer ";
constexpr const char* kTraceKey = "traceparent";
constexpr std::size_t kMaxNameLength = 64;

std::optional<std::string> metadata(const grpc::CallbackServerContext& context, const char* key) {
  const auto found = context.client_metadata().find(key);
  if (found == context.client_metadata().end()) return std::nullopt;
  return std::string(found->second.data(), found->second.size());
}

std::vector<std::string> subjects_of(const grpc::CallbackServerContext& context) {
  std::vector<std::string> names;
  const auto authenticated = context.auth_context();
  if (!authenticated || !authenticated->IsPeerAuthenticated()) return names;
  for (const char* property : {GRPC_X509_CN_PROPERTY_NAME, GRPC_X509_SAN_PROPERTY_NAME})
    for (const grpc::string_ref& name : authenticated->FindPropertyValues(property))
      names.emplace_back(name.data(), name.size());
  return names;
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

}  // namespace

Caller caller_of(const grpc::CallbackServerContext& context) {
  return {context.peer(), subjects_of(context), bearer_token(metadata(context, kAuthorizationKey).value_or("")),
          metadata(context, kClientKey), trace_id(metadata(context, kTraceKey).value_or(""))};
}

std::string client_of(const Caller& caller) {
  if (!caller.subjects.empty()) return caller.subjects[0];
  if (!caller.name) return host_of_peer(caller.peer);
  const std::string& name = *caller.name;
  const bool is_printable = std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (name.empty() || name.size() > kMaxNameLength || !is_printable)
    fail(Code::invalid_argument, "metadata ", kClientKey, ": ", name.size(), " bytes, from 1 to ", kMaxNameLength,
         " printable characters");
  return name;
}

std::string identity_of(const Caller& caller) {
  if (!caller.subjects.empty()) return "certificate " + caller.subjects[0];
  if (caller.token.empty()) return {};
  return "token " + Sha256().add(std::as_bytes(std::span(caller.token))).hex();
}

std::string bearer_token(const std::string& authorization) {
  return authorization.starts_with(kBearer) ? authorization.substr(kBearer.size()) : std::string();
}

std::string host_of_peer(const std::string& peer) {
  const std::size_t scheme = peer.find(':');
  if (scheme == std::string::npos || peer.starts_with("unix")) return peer.substr(0, scheme);
  const std::size_t port = peer.rfind(':');
  return peer.substr(scheme + 1, port > scheme ? port - scheme - 1 : std::string::npos);
}

// version "-" trace-id "-" parent-id "-" flags, of 2, 32, 16 and 2 lower-case digits; later versions may add to it.
std::string trace_id(const std::string& traceparent) {
  const std::string_view text = traceparent;
  if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') return {};
  const std::string_view version = text.substr(0, 2), trace = text.substr(3, 32), parent = text.substr(36, 16),
                         flags = text.substr(53, 2);
  if (!is_hex(version) || !is_hex(trace) || !is_hex(parent) || !is_hex(flags)) return {};
  if (version == "ff" || is_zero(trace) || is_zero(parent)) return {};
  if (version == "00" ? text.size() != 55 : text.size() > 55 && text[55] != '-') return {};
  return std::string(trace);
}

}  // namespace voxd
