#include "server/infer_json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "server/printable.h"
#include "server/wire_type.h"

namespace voxd {
namespace {

using JsonValue = nlohmann::json;
using inference::InferParameter;
using Parameters = google::protobuf::Map<std::string, InferParameter>;

constexpr int kMaxDepth = 16;
constexpr std::size_t kMaxTensors = 64;
constexpr std::string_view kShared = "shared_memory_";

JsonValue parsed_json(std::string_view text) {
  const auto check_depth = [](int depth, JsonValue::parse_event_t, JsonValue&) {
    if (depth > kMaxDepth) fail(Code::invalid_argument, "request: JSON nested more than ", kMaxDepth, " deep");
    return true;
  };
  try {
    JsonValue json = JsonValue::parse(text, check_depth);
    if (!json.is_object()) fail(Code::invalid_argument, "request: must be a JSON object");
    return json;
  } catch (const JsonValue::parse_error& error) {
    fail(Code::invalid_argument, "request: failed to parse the request JSON, at byte ", error.byte);
  } catch (const JsonValue::exception&) {
    fail(Code::invalid_argument, "request: failed to parse the request JSON: a number is out of range");
  }
}

std::string text_at(const JsonValue& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string())
    fail(Code::invalid_argument, where, ": '", key, "' is missing or no string");
  return found->get<std::string>();
}

// Null is as good as nothing.
const JsonValue* list_at(const JsonValue& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return nullptr;
  if (!found->is_array()) fail(Code::invalid_argument, where, ": '", key, "' must be a list");
  return &*found;
}

std::int64_t whole_number(const JsonValue& value, const std::string& what) {
  if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX))
    fail(Code::invalid_argument, what, ": must be a whole number");
  return value.get<std::int64_t>();
}

bool truth(const JsonValue& value, const std::string& what) {
  if (!value.is_boolean()) fail(Code::invalid_argument, what, ": must be true or false");
  return value.get<bool>();
}

InferParameter parameter_of(const JsonValue& value, const std::string& what) {
  InferParameter parameter;
  switch (value.type()) {
    case JsonValue::value_t::boolean: parameter.set_bool_param(value.get<bool>()); break;
    case JsonValue::value_t::string: parameter.set_string_param(value.get<std::string>()); break;
    case JsonValue::value_t::number_float: parameter.set_double_param(value.get<double>()); break;
    case JsonValue::value_t::number_integer: parameter.set_int64_param(value.get<std::int64_t>()); break;
    case JsonValue::value_t::number_unsigned:
      if (value.get<std::uint64_t>() > INT64_MAX)
        parameter.set_uint64_param(value.get<std::uint64_t>());
      else
        parameter.set_int64_param(value.get<std::int64_t>());
      break;
    case JsonValue::value_t::array: parameter.set_string_param(value.dump()); break;
    default: fail(Code::invalid_argument, what, ": must be a string, a number, true, false or a list");
  }
  return parameter;
}

/// Fills `parameters` with what stands under "parameters"; `take(key, value)` says which it has taken itself.
template <class Take>
void fill_parameters(const JsonValue& object, const std::string& where, Parameters& parameters, const Take& take) {
  const auto found = object.find("parameters");
  if (found == object.end()) return;
  if (!found->is_object()) fail(Code::invalid_argument, where, ": 'parameters' must be an object");
  for (const auto& [key, value] : found->items()) {
    const std::string what = where + ": parameter '" + printable(key) + "'";
    if (!take(key, value, what)) parameters[key] = parameter_of(value, what);
  }
}

template <class T>
T element_as(const JsonValue& value, const std::string& where) {
  if constexpr (std::is_floating_point_v<T>) {
    if (!value.is_number() || std::abs(value.get<double>()) > static_cast<double>(std::numeric_limits<T>::max()))
      fail(Code::invalid_argument, where, ": 'data' has an element that is no number of its datatype");
    return static_cast<T>(value.get<double>());
  } else {
    const bool fits = value.is_number_unsigned()  ? std::in_range<T>(value.get<std::uint64_t>())
                      : value.is_number_integer() ? std::in_range<T>(value.get<std::int64_t>())
                                                  : false;
    if (!fits)
      fail(Code::invalid_argument, where, ": 'data' has an element that is not a whole number from ",
           +std::numeric_limits<T>::min(), " to ", +std::numeric_limits<T>::max());
    return value.is_number_unsigned() ? static_cast<T>(value.get<std::uint64_t>())
                                      : static_cast<T>(value.get<std::int64_t>());
  }
}

// No deeper than kMaxDepth.
template <class T>
void append_elements(const JsonValue& list, const std::string& where, std::vector<T>& elements) {
  for (const JsonValue& value : list) {
    if (value.is_array())
      append_elements(value, where, elements);
    else
      elements.push_back(element_as<T>(value, where));
  }
}

template <class T>
ScatteredBytes elements_of(const JsonValue& list, const std::string& where) {
  const auto elements = std::make_shared<std::vector<T>>();
  append_elements(list, where, *elements);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(*elements));
  return {{bytes}, static_cast<std::int64_t>(bytes.size()), elements, {}};
}

// A datatype that is not served is refused when the request is held against the model.
ScatteredBytes tensor_of(const JsonValue& list, const std::string& datatype, const std::string& where) {
  const std::optional<WireType> type = wire_type_of(datatype);
  if (!type) return {};
  switch (*type) {
    case WireType::u8: return elements_of<std::uint8_t>(list, where);
    case WireType::i8: return elements_of<std::int8_t>(list, where);
    case WireType::u16: return elements_of<std::uint16_t>(list, where);
    case WireType::i16: return elements_of<std::int16_t>(list, where);
    case WireType::u32: return elements_of<std::uint32_t>(list, where);
    case WireType::i32: return elements_of<std::int32_t>(list, where);
    case WireType::u64: return elements_of<std::uint64_t>(list, where);
    case WireType::i64: return elements_of<std::int64_t>(list, where);
    case WireType::f32: return elements_of<float>(list, where);
    case WireType::f64: return elements_of<double>(list, where);
    case WireType::f16:
    case WireType::bf16: break;
  }
  fail(Code::invalid_argument, where, ": ", datatype, " must be sent as binary data");
}

class InferJsonReader {
 public:
  explicit InferJsonReader(const JsonValue& json) : json_(json) {}

  InferJson read() {
    if (const auto id = json_.find("id"); id != json_.end()) request().set_id(text_at(json_, "id", "request"));
    fill_parameters(json_, "request", *request().mutable_parameters(),
                    [this](const std::string& key, const JsonValue& value, const std::string& what) {
                      if (key != "binary_data_output") return false;
                      read_.binary_by_default = truth(value, what);
                      return true;
                    });
    const JsonValue* const inputs = list_at(json_, "inputs", "request");
    if (!inputs) fail(Code::invalid_argument, "request: Unable to parse 'inputs': there are none");
    for (const JsonValue& input : checked(*inputs, "inputs")) read_input(input);
    if (const JsonValue* const outputs = list_at(json_, "outputs", "request"))
      for (const JsonValue& output : checked(*outputs, "outputs")) read_output(output);
    return std::move(read_);
  }

 private:
  inference::ModelInferRequest& request() { return read_.parsed.request; }

  static const JsonValue& checked(const JsonValue& list, const char* what) {
    if (list.size() > kMaxTensors)
      fail(Code::invalid_argument, what, ": ", list.size(), " tensors, at most ", kMaxTensors);
    for (const JsonValue& tensor : list)
      if (!tensor.is_object()) fail(Code::invalid_argument, what, ": must be a list of objects");
    return list;
  }

  void read_input(const JsonValue& json) {
    auto& input = *request().add_inputs();
    input.set_name(text_at(json, "name", "inputs"));
    const std::string where = "input '" + printable(input.name()) + "'";
    input.set_datatype(text_at(json, "datatype", where));
    const JsonValue* const shape = list_at(json, "shape", where);
    if (!shape) fail(Code::invalid_argument, where, ": 'shape' is missing");
    for (const JsonValue& axis : *shape) input.add_shape(whole_number(axis, where + ": 'shape'"));
    std::optional<std::int64_t> size;
    fill_parameters(json, where, *input.mutable_parameters(),
                    [&size](const std::string& key, const JsonValue& value, const std::string& what) {
                      if (key != "binary_data_size") return false;
                      size = whole_number(value, what);
                      return true;
                    });
    read_data(json, where, input, size);
  }

  void read_data(const JsonValue& json, const std::string& where,
                 const inference::ModelInferRequest::InferInputTensor& input, const std::optional<std::int64_t>& size) {
    bool is_shared = false;
    for (const auto& parameter : input.parameters()) is_shared |= parameter.first.starts_with(kShared);
    const JsonValue* const data = list_at(json, "data", where);
    if (is_shared + size.has_value() + (data != nullptr) > 1)
      fail(Code::invalid_argument, where, ": more than one of 'data', 'binary_data_size' and shared memory");
    if (is_shared) return;
    if (!size && !data)
      fail(Code::invalid_argument, "unable to find data for input tensor '", printable(input.name()), "'");
    if (size) expect_binary(*size, where);
    read_.parsed.raw_inputs.push_back(data ? tensor_of(*data, input.datatype(), where) : ScatteredBytes());
  }

  void expect_binary(std::int64_t size, const std::string& where) {
    if (size < 0 || size > std::numeric_limits<std::int64_t>::max() - read_.binary_bytes)
      fail(Code::invalid_argument, where, ": parameter 'binary_data_size': ", size, " is not a number of bytes");
    read_.binary_bytes += size;
    read_.binaries.push_back({read_.parsed.raw_inputs.size(), size});
  }

  void read_output(const JsonValue& json) {
    auto& output = *request().add_outputs();
    output.set_name(text_at(json, "name", "outputs"));
    fill_parameters(json, "output '" + printable(output.name()) + "'", *output.mutable_parameters(),
                    [this, &output](const std::string& key, const JsonValue& value, const std::string& what) {
                      if (key != "binary_data") return false;
                      read_.binary_output[output.name()] = truth(value, what);
                      return true;
                    });
  }

  const JsonValue& json_;
  InferJson read_;
};

}  // namespace

bool InferJson::wants_binary(const std::string& output) const {
  const auto found = binary_output.find(output);
  return found == binary_output.end() ? binary_by_default : found->second;
}

InferJson parse_infer_json(std::string_view text) { return InferJsonReader(parsed_json(text)).read(); }

}  // namespace voxd
