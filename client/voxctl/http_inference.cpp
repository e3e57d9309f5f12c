#include "client/voxctl/http_inference.h"

#include <httplib.h>

#include <nlohmann/json.hpp>

namespace voxd::ctl {
namespace {

using nlohmann::json;

constexpr const char* kHeaderLength = "Inference-Header-Content-Length";
constexpr std::chrono::hours kPatience{1};  // a load's requests may wait for long

Code code_of_status(int status) {
  switch (status) {
    case 400: return Code::invalid_argument;
    case 403: return Code::permission_denied;
    case 404: return Code::not_found;
    case 413:
    case 429: return Code::resource_exhausted;
    case 501: return Code::unimplemented;
    case 503: return Code::unavailable;
    case 504: return Code::deadline_exceeded;
    default: return Code::internal;
  }
}

std::string head_of(const VolumeInput& input, const TensorInfo& declared) {
  json shape = json::array();
  for (std::size_t axis = input.shape.size(); axis < declared.shape.size(); ++axis) shape.push_back(1);
  for (const std::int64_t axis : input.shape) shape.push_back(axis);
  json request{{"inputs",
                {{{"name", declared.name},
                  {"datatype", input.datatype},
                  {"shape", shape},
                  {"parameters", {{"binary_data_size", input.voxels.size()}}}}}},
               {"parameters", {{"binary_data_output", true}}}};
  if (input.affine) request["parameters"]["affine"] = *input.affine;
  if (input.timeout) request["parameters"]["timeout"] = std::chrono::microseconds(*input.timeout).count();
  return request.dump();
}

VolumeOutcome outcome_of(const httplib::Response& response) {
  try {
    const std::size_t length = std::stoul(response.get_header_value(kHeaderLength));
    const json head = json::parse(response.body.substr(0, length));
    VolumeOutcome outcome;
    outcome.model_version = head.at("model_version");
    outcome.stage_ms = json::parse(head.at("parameters").at("stage_ms").get<std::string>());
    std::size_t at = length;
    for (const json& output : head.at("outputs")) {
      const std::size_t size = output.at("parameters").at("binary_data_size");
      outcome.outputs.push_back(
          {output.at("name"), output.at("datatype"), output.at("shape"), response.body.substr(at, size)});
      at += size;
    }
    return outcome;
  } catch (const std::exception& error) {
    fail(Code::data_loss, "answer over HTTP: ", error.what());
  }
}

std::string reason_in(const httplib::Response& response) {
  const json body = json::parse(response.body, nullptr, false);
  if (body.is_object() && body.contains("error") && body["error"].is_string()) return body["error"];
  return "HTTP status " + std::to_string(response.status);
}

}  // namespace

class HttpInference::Impl {
 public:
  Impl(const std::string& address, const ClientSecurity& security)
      : address_(address),
        client_((security.ca.empty() ? "http://" : "https://") + address, security.certificate.string(),
                security.key.string()) {
    if (!client_.is_valid()) fail(Code::invalid_argument, "--http-address: '", address, "' is not HOST:PORT");
    if (!security.ca.empty()) client_.set_ca_cert_path(security.ca.c_str());
    if (!security.token.empty()) client_.set_bearer_token_auth(security.token);
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
    client_.set_read_timeout(kPatience);
    client_.set_write_timeout(kPatience);
  }

  VolumeOutcome infer(const VolumeInput& input, const TensorInfo& declared) {
    const std::string head = head_of(input, declared);
    const std::string_view voxels{reinterpret_cast<const char*>(input.voxels.data()), input.voxels.size()};
    const auto send = [&](std::size_t offset, std::size_t, httplib::DataSink& sink) {
      return offset < head.size()
                 ? sink.write(head.data() + offset, head.size() - offset)
                 : sink.write(voxels.data() + (offset - head.size()), voxels.size() - (offset - head.size()));
    };
    const std::string path = "/v2/models/" + input.model +
                             (input.model_version.empty() ? "" : "/versions/" + input.model_version) + "/infer";
    const httplib::Result result = client_.Post(path, {{kHeaderLength, std::to_string(head.size())}},
                                                head.size() + voxels.size(), send, "application/octet-stream");
    if (!result)
      fail(Code::unavailable, "no answer over HTTP from ", address_, ": ", httplib::to_string(result.error()));
    if (result->status != 200) throw Error(code_of_status(result->status), reason_in(*result));
    return outcome_of(*result);
  }

 private:
  const std::string address_;
  httplib::Client client_;
};

HttpInference::HttpInference(const std::string& address, const ClientSecurity& security)
    : impl_(std::make_unique<Impl>(address, security)) {}
HttpInference::~HttpInference() = default;

VolumeOutcome HttpInference::infer(const VolumeInput& input, const TensorInfo& declared) {
  return impl_->infer(input, declared);
}

}  // namespace voxd::ctl
