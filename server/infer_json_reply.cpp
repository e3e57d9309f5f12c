#include "server/infer_json_reply.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace voxd {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kPiece = std::size_t{1} << 20;
constexpr std::size_t kMaxNumber = 32;  // characters

std::string_view bytes_of(const HostVolume& volume) {
  return {reinterpret_cast<const char*>(volume.voxels.data()),
          static_cast<std::size_t>(volume.count()) * size_of(volume.dtype)};
}

bool send_bytes(std::string_view bytes, const InferJsonReply::Send& send) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kPiece, bytes.size())))
    if (!send(bytes.substr(0, kPiece))) return false;
  return true;
}

// JSON has no word for what is no number.
template <class T>
char* put_number(T value, char* begin, char* end) {
  if constexpr (std::is_floating_point_v<T>)
    if (!std::isfinite(value)) return std::copy_n("null", 4, begin);
  return std::to_chars(begin, end, value).ptr;
}

// Separated by commas.
template <class T>
bool send_numbers(std::span<const T> values, const InferJsonReply::Send& send) {
  std::string text(std::size_t{64} << 10, '\0');
  char* const begin = text.data();
  char* const end = begin + text.size();
  char* out = begin;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) *out++ = ',';
    out = put_number(values[i], out, end);
    if (end - out > static_cast<std::ptrdiff_t>(kMaxNumber)) continue;
    if (!send({begin, static_cast<std::size_t>(out - begin)})) return false;
    out = begin;
  }
  return out == begin || send({begin, static_cast<std::size_t>(out - begin)});
}

Json json_of(const inference::InferParameter& parameter) {
  using inference::InferParameter;
  switch (parameter.parameter_choice_case()) {
    case InferParameter::kBoolParam: return parameter.bool_param();
    case InferParameter::kInt64Param: return parameter.int64_param();
    case InferParameter::kUint64Param: return parameter.uint64_param();
    case InferParameter::kDoubleParam: return parameter.double_param();
    case InferParameter::kStringParam: return parameter.string_param();
    case InferParameter::PARAMETER_CHOICE_NOT_SET: break;
  }
  return nullptr;
}

// In the order of their names, so that the same answer is the same bytes.
Json json_of(const InferParameters& parameters) {
  std::map<std::string, Json> sorted;
  for (const auto& [key, value] : parameters) sorted[key] = json_of(value);
  Json json = Json::object();
  for (auto& [key, value] : sorted) json[key] = std::move(value);
  return json;
}

Json head_of(const inference::ModelInferResponse& response) {
  Json json;
  if (!response.id().empty()) json["id"] = response.id();
  json["model_name"] = response.model_name();
  json["model_version"] = response.model_version();
  json["parameters"] = json_of(response.parameters());
  return json;
}

Json description_of(const inference::ModelInferResponse::InferOutputTensor& described, const OutputTensor& output,
                    bool binary) {
  Json json;
  json["name"] = described.name();
  json["datatype"] = described.datatype();
  json["shape"] = output.shape;
  Json parameters = json_of(described.parameters());
  if (output.target) {
    parameters["shared_memory_region"] = output.target->region->description().name;
    parameters["shared_memory_byte_size"] = output.byte_size();
    if (output.target->offset > 0) parameters["shared_memory_offset"] = output.target->offset;
  } else if (binary) {
    parameters["binary_data_size"] = output.byte_size();
  }
  if (!parameters.empty()) json["parameters"] = std::move(parameters);
  return json;
}

// What a request says is UTF-8 or not; what cannot stand in JSON is replaced.
std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// An object's text without its end, so that something more can be put into it.
std::string open_text_of(const Json& json) {
  std::string text = text_of(json);
  text.pop_back();
  return text;
}

}  // namespace

InferJsonReply::InferJsonReply(const TensorResult& result, const InferResponseHead& head, const InferJson& request) {
  const inference::ModelInferResponse response = infer_response(result, head);
  std::vector<Piece> binaries;
  std::string text = open_text_of(head_of(response)) + ",\"outputs\":[";
  for (std::size_t i = 0; i < result.outputs.size(); ++i) {
    const OutputTensor& output = result.outputs[i];
    const bool binary = request.wants_binary(output.name);
    const Json described = description_of(response.outputs(static_cast<int>(i)), output, binary);
    if (i > 0) text += ',';
    if (output.target || binary) {
      text += text_of(described);
      if (!output.target) binaries.push_back({{}, output.volume, false});
    } else {
      pieces_.push_back({text + open_text_of(described) + ",\"data\":[", output.volume, true});
      text = "]}";
    }
  }
  pieces_.push_back({text + "]}", nullptr, false});
  const auto add_up = [this](std::string_view sent) { return size_ += sent.size(), true; };
  for (const Piece& piece : pieces_) write(piece, add_up);
  json_size_ = size_;
  has_binary_ = !binaries.empty();
  for (Piece& piece : binaries) {
    size_ += bytes_of(*piece.volume).size();
    pieces_.push_back(std::move(piece));
  }
}

bool InferJsonReply::write(const Piece& piece, const Send& send) {
  if (!send_bytes(piece.text, send)) return false;
  if (!piece.volume) return true;
  if (!piece.as_numbers) return send_bytes(bytes_of(*piece.volume), send);
  return visit_dtype(piece.volume->dtype,
                     [&](auto zero) { return send_numbers(piece.volume->template as<decltype(zero)>(), send); });
}

bool InferJsonReply::write(const Send& send) const {
  return std::all_of(pieces_.begin(), pieces_.end(), [&send](const Piece& piece) { return write(piece, send); });
}

}  // namespace voxd
