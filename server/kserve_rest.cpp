#include "server/kserve_rest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>

#include "server/json_message.h"
#include "server/printable.h"

namespace voxd {
namespace {

using Ordered = nlohmann::ordered_json;
using Body = nlohmann::json;

constexpr int kNotReady = 400;
constexpr int kMaxBodyDepth = 16;

std::string dumped(const Ordered& json) { return json.dump(-1, ' ', false, Ordered::error_handler_t::replace); }

Body body_of(const std::string& text) {
  if (text.empty()) return Body::object();
  const auto check_depth = [](int depth, Body::parse_event_t, Body&) {
    if (depth > kMaxBodyDepth) fail(Code::invalid_argument, "request: JSON nested more than ", kMaxBodyDepth, " deep");
    return true;
  };
  Body body = Body::parse(text, check_depth, false);
  if (!body.is_object()) fail(Code::invalid_argument, "failed to parse the request JSON: must be an object");
  return body;
}

std::string text_in(const Body& body, const char* key) {
  const auto found = body.find(key);
  if (found == body.end() || !found->is_string())
    fail(Code::invalid_argument, "request: '", key, "' is missing or no string");
  return found->get<std::string>();
}

std::uint64_t number_in(const Body& body, const char* key, std::optional<std::uint64_t> otherwise = std::nullopt) {
  const auto found = body.find(key);
  if (found == body.end() && otherwise) return *otherwise;
  if (found == body.end() || !found->is_number_unsigned())
    fail(Code::invalid_argument, "request: '", key, "' is missing or no whole number from 0");
  return found->get<std::uint64_t>();
}

/// {"raw_handle": {"b64": "..."}}
std::string handle_in(const Body& body) {
  const auto handle = body.find("raw_handle");
  if (handle == body.end() || !handle->is_object())
    fail(Code::invalid_argument, "request: 'raw_handle' is missing or no object");
  const std::string text = text_in(*handle, "b64");
  std::string bytes(text.size() / 4 * 3, '\0');
  const int count = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                    reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  const auto padding = static_cast<std::size_t>(std::count(text.begin(), text.end(), '='));
  if (text.empty() || count < 0 || padding > 2) fail(Code::invalid_argument, "request: 'raw_handle' is not in Base64");
  bytes.resize(static_cast<std::size_t>(count) - padding);
  return bytes;
}

/// A call as its path's parts are read from left to right.
class RestReader {
 public:
  RestReader(const KserveCalls& calls, const Caller& caller, const RestCall& call)
      : calls_(calls), caller_(caller), call_(call) {}

  RestAnswer answer() {
    if (!next_is("v2")) not_found();
    if (at_end()) return get<inference::ServerMetadataResponse>(inference::ServerMetadataRequest());
    if (next_is("health")) return health();
    if (next_is("models")) return models();
    if (next_is("repository")) return repository();
    if (next_is("systemsharedmemory")) return system_shared_memory();
    if (next_is("cudasharedmemory")) return cuda_shared_memory();
    if (next_is("logging")) return logging();
    if (next_is("trace")) return trace("");
    not_found();
  }

 private:
  bool at_end() const { return place_ == call_.path.size(); }
  bool next_is(std::string_view word) {
    const bool is = !at_end() && call_.path[place_] == word;
    if (is) ++place_;
    return is;
  }
  bool last_is(std::string_view word) { return place_ + 1 == call_.path.size() && next_is(word); }
  std::string next() {
    if (at_end()) not_found();
    return call_.path[place_++];
  }
  [[noreturn]] void not_found() const { fail(Code::not_found, "Not Found: this path is not served"); }
  void require(std::string_view method) const {
    if (call_.method != method) fail(Code::invalid_argument, "Method Not Allowed: this path is for ", method);
  }

  template <class Response, class Request>
  Response ask(const Request& request) const {
    Response response;
    calls_.answer(caller_, request, response);
    return response;
  }
  template <class Response, class Request>
  RestAnswer get(const Request& request) const {
    require("GET");
    return {.json = dumped(json_of(ask<Response>(request)))};
  }

  RestAnswer health() {
    require("GET");
    bool good = false;
    if (last_is("live"))
      good = ask<inference::ServerLiveResponse>(inference::ServerLiveRequest()).live();
    else if (last_is("ready"))
      good = ask<inference::ServerReadyResponse>(inference::ServerReadyRequest()).ready();
    else
      not_found();
    return {.status = good ? 200 : kNotReady};
  }

  RestAnswer models() {
    if (last_is("stats")) return get<inference::ModelStatisticsResponse>(inference::ModelStatisticsRequest());
    const std::string name = next();
    if (next_is("trace")) return trace(name);
    const std::string version = next_is("versions") ? next() : "";
    if (at_end()) return get<inference::ModelMetadataResponse>(named<inference::ModelMetadataRequest>(name, version));
    if (last_is("ready")) return model_ready(name, version);
    if (last_is("stats"))
      return get<inference::ModelStatisticsResponse>(named<inference::ModelStatisticsRequest>(name, version));
    if (!last_is("config")) not_found();
    require("GET");
    return {.json = dumped(json_of(
                ask<inference::ModelConfigResponse>(named<inference::ModelConfigRequest>(name, version)).config()))};
  }

  template <class Request>
  static Request named(const std::string& name, const std::string& version) {
    Request request;
    request.set_name(name);
    request.set_version(version);
    return request;
  }

  RestAnswer model_ready(const std::string& name, const std::string& version) const {
    require("GET");
    const bool ready = ask<inference::ModelReadyResponse>(named<inference::ModelReadyRequest>(name, version)).ready();
    return {.status = ready ? 200 : kNotReady};
  }

  RestAnswer repository() {
    require("POST");
    if (last_is("index")) return index();
    if (!next_is("models")) not_found();
    const std::string name = next();
    if (last_is("load")) return change<inference::RepositoryModelLoadRequest>(name);
    if (last_is("unload")) return change<inference::RepositoryModelUnloadRequest>(name);
    not_found();
  }

  RestAnswer index() const {
    inference::RepositoryIndexRequest request;
    const Body body = body_of(call_.body);
    if (const auto ready = body.find("ready"); ready != body.end()) {
      if (!ready->is_boolean()) fail(Code::invalid_argument, "request: 'ready' must be true or false");
      request.set_ready(ready->get<bool>());
    }
    const Ordered json = json_of(ask<inference::RepositoryIndexResponse>(request));
    return {.json = dumped(json["models"])};
  }

  // What parameters there are decides; their values do not matter.
  template <class Request>
  RestAnswer change(const std::string& name) const {
    Request request;
    request.set_model_name(name);
    const Body body = body_of(call_.body);
    if (const auto parameters = body.find("parameters"); parameters != body.end()) {
      if (!parameters->is_object()) fail(Code::invalid_argument, "request: 'parameters' must be an object");
      for (const auto& [key, value] : parameters->items()) (*request.mutable_parameters())[key];
    }
    std::promise<std::optional<Error>> made;
    calls_.change(caller_, request,
                  [&made](const Error* why_not) { made.set_value(why_not ? std::optional(*why_not) : std::nullopt); });
    if (const std::optional<Error> why_not = made.get_future().get()) throw Error(*why_not);
    return {};
  }

  // [region/NAME/]ACT
  std::string region() { return next_is("region") ? next() : ""; }

  RestAnswer system_shared_memory() {
    const std::string name = region();
    if (last_is("status")) {
      require("GET");
      inference::SystemSharedMemoryStatusRequest request;
      request.set_name(name);
      return regions(json_of(ask<inference::SystemSharedMemoryStatusResponse>(request)));
    }
    require("POST");
    if (last_is("unregister")) {
      inference::SystemSharedMemoryUnregisterRequest request;
      request.set_name(name);
      ask<inference::SystemSharedMemoryUnregisterResponse>(request);
      return {};
    }
    if (!last_is("register")) not_found();
    inference::SystemSharedMemoryRegisterRequest request;
    const Body body = body_of(call_.body);
    request.set_name(name);
    request.set_key(text_in(body, "key"));
    request.set_offset(number_in(body, "offset", 0));
    request.set_byte_size(number_in(body, "byte_size"));
    ask<inference::SystemSharedMemoryRegisterResponse>(request);
    return {};
  }

  RestAnswer cuda_shared_memory() {
    const std::string name = region();
    if (last_is("status")) {
      require("GET");
      inference::CudaSharedMemoryStatusRequest request;
      request.set_name(name);
      return regions(json_of(ask<inference::CudaSharedMemoryStatusResponse>(request)));
    }
    require("POST");
    if (last_is("unregister")) {
      inference::CudaSharedMemoryUnregisterRequest request;
      request.set_name(name);
      ask<inference::CudaSharedMemoryUnregisterResponse>(request);
      return {};
    }
    if (!last_is("register")) not_found();
    inference::CudaSharedMemoryRegisterRequest request;
    const Body body = body_of(call_.body);
    request.set_name(name);
    request.set_raw_handle(handle_in(body));
    request.set_device_id(static_cast<std::int64_t>(number_in(body, "device_id")));
    request.set_byte_size(number_in(body, "byte_size"));
    ask<inference::CudaSharedMemoryRegisterResponse>(request);
    return {};
  }

  // A list over HTTP.
  static RestAnswer regions(const Ordered& response) {
    Ordered list = Ordered::array();
    for (const auto& [name, region] : response["regions"].items()) list.push_back(region);
    return {.json = dumped(list)};
  }

  RestAnswer logging() {
    if (!at_end()) not_found();
    inference::LogSettingsRequest request;
    if (call_.method == "POST") {
      const Body body = body_of(call_.body);
      for (const auto& [key, value] : body.items()) {
        auto& setting = (*request.mutable_settings())[key];
        if (value.is_boolean())
          setting.set_bool_param(value.get<bool>());
        else if (value.is_number_unsigned() && value.get<std::uint64_t>() <= UINT32_MAX)
          setting.set_uint32_param(value.get<std::uint32_t>());
        else
          setting.set_string_param(value.dump());
      }
    }
    Ordered flat = Ordered::object();
    const Ordered response = json_of(ask<inference::LogSettingsResponse>(request));
    for (const auto& [name, setting] : response["settings"].items()) flat[name] = setting.begin().value();
    return {.json = dumped(flat)};
  }

  RestAnswer trace(const std::string& model) {
    if (!last_is("setting")) not_found();
    inference::TraceSettingRequest request;
    request.set_model_name(model);
    if (call_.method == "POST") {
      const Body body = body_of(call_.body);
      for (const auto& [key, value] : body.items())
        if (auto& setting = (*request.mutable_settings())[key]; !value.is_null()) setting.add_value(value.dump());
    }
    Ordered flat = Ordered::object();
    const Ordered response = json_of(ask<inference::TraceSettingResponse>(request));
    for (const auto& [name, setting] : response["settings"].items()) flat[name] = setting["value"];
    return {.json = dumped(flat)};
  }

  const KserveCalls& calls_;
  const Caller& caller_;
  const RestCall& call_;
  std::size_t place_ = 0;
};

}  // namespace

std::vector<std::string> path_parts(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t length = std::min(path.find('/'), path.size());
    if (length > 0) parts.emplace_back(path.substr(0, length));
    path.remove_prefix(std::min(length + 1, path.size()));
  }
  return parts;
}

bool is_inference(const std::vector<std::string>& path, RestTarget& target) {
  const bool has_version = path.size() == 6 && path[3] == "versions";
  if ((path.size() != 4 && !has_version) || path[0] != "v2" || path[1] != "models" || path.back() != "infer")
    return false;
  target = {path[2], has_version ? path[4] : ""};
  return true;
}

RestAnswer answer_rest(const KserveCalls& calls, const Caller& caller, const RestCall& call) {
  return RestReader(calls, caller, call).answer();
}

}  // namespace voxd
