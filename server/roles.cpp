#include "server/roles.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gpu_transforms/volume/error.h"
#include "models/sha256.h"

namespace voxd {
namespace {

using JsonValue = nlohmann::json;

constexpr std::size_t kSumLength = 64;

Role role_of(const JsonValue& name, const std::string& where) {
  if (name == "infer") return Role::infer;
  if (name == "admin") return Role::admin;
  fail(Code::invalid_argument, where, ": ", name.dump(), ", known roles: \"infer\", \"admin\"");
}

std::set<Role> roles_in(const JsonValue& list, const std::string& where) {
  if (!list.is_array()) fail(Code::invalid_argument, where, ": expected a list of roles, found ", list.type_name());
  std::set<Role> roles;
  for (const JsonValue& name : list) roles.insert(role_of(name, where));
  // Who may change models may use them.
  if (roles.contains(Role::admin)) roles.insert(Role::infer);
  return roles;
}

std::map<std::string, std::set<Role>> names_in(const JsonValue& object, const std::string& where) {
  if (!object.is_object())
    fail(Code::invalid_argument, where, ": expected names with roles, found ", object.type_name());
  std::map<std::string, std::set<Role>> names;
  for (const auto& [name, list] : object.items()) {
    if (name.empty()) fail(Code::invalid_argument, where, ": an empty name");
    names[name] = roles_in(list, where + "." + name);
  }
  return names;
}

void check_sum(const std::string& sum) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (sum.size() != kSumLength || !std::all_of(sum.begin(), sum.end(), is_hex))
    fail(Code::invalid_argument, "tokens: a key is not the SHA-256 of a token, ", kSumLength, " lower-case hex digits");
}

}  // namespace

Role role_for(std::string_view rpc) {
  for (const std::string_view name : {"ServerLive", "ServerReady", "ModelReady"})
    if (rpc == name) return Role::none;
  for (const std::string_view name : {"Segment", "ListModels", "ModelInfer", "ModelStreamInfer", "ServerMetadata",
                                      "ModelMetadata", "ModelConfig", "ModelStatistics", "RepositoryIndex"})
    if (rpc == name) return Role::infer;
  return Role::admin;
}

Roles Roles::parse(const std::string& json) {
  const JsonValue root = JsonValue::parse(json, nullptr, false);
  if (root.is_discarded() || !root.is_object()) fail(Code::invalid_argument, "not a JSON object");
  Roles roles;
  for (const auto& [key, value] : root.items()) {
    if (key == "subjects")
      roles.subjects_ = names_in(value, key);
    else if (key == "tokens")
      roles.tokens_ = names_in(value, key);
    else if (key == "anyone")
      roles.anyone_ = roles_in(value, key);
    else
      fail(Code::invalid_argument, "'", key, "', known: subjects, tokens, anyone");
  }
  for (const auto& [sum, granted] : roles.tokens_) check_sum(sum);
  return roles;
}

bool Roles::allow(Role needed, const std::vector<std::string>& subjects, const std::string& token) const {
  if (needed == Role::none || anyone_.contains(needed)) return true;
  const auto grants = [needed](const std::map<std::string, Granted>& table, const std::string& name) {
    const auto found = table.find(name);
    return found != table.end() && found->second.contains(needed);
  };
  if (std::any_of(subjects.begin(), subjects.end(), [&](const std::string& name) { return grants(subjects_, name); }))
    return true;
  return !token.empty() && grants(tokens_, Sha256().add(std::as_bytes(std::span(token))).hex());
}

}  // namespace voxd
