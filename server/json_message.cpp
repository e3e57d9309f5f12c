#include "server/json_message.h"

#include <google/protobuf/descriptor.h>

#include <map>
#include <nlohmann/json.hpp>

namespace voxd {
namespace {

using Json = nlohmann::ordered_json;
using google::protobuf::FieldDescriptor;
using ProtoMessage = google::protobuf::Message;

Json single(const ProtoMessage& message, const FieldDescriptor& field) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: return reflection.GetInt32(message, &field);
    case FieldDescriptor::CPPTYPE_INT64: return reflection.GetInt64(message, &field);
    case FieldDescriptor::CPPTYPE_UINT32: return reflection.GetUInt32(message, &field);
    case FieldDescriptor::CPPTYPE_UINT64: return reflection.GetUInt64(message, &field);
    case FieldDescriptor::CPPTYPE_DOUBLE: return reflection.GetDouble(message, &field);
    case FieldDescriptor::CPPTYPE_FLOAT: return reflection.GetFloat(message, &field);
    case FieldDescriptor::CPPTYPE_BOOL: return reflection.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM: return reflection.GetEnum(message, &field)->name();
    case FieldDescriptor::CPPTYPE_STRING: return reflection.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_MESSAGE: return json_of(reflection.GetMessage(message, &field));
  }
  return nullptr;
}

Json element(const ProtoMessage& message, const FieldDescriptor& field, int i) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: return reflection.GetRepeatedInt32(message, &field, i);
    case FieldDescriptor::CPPTYPE_INT64: return reflection.GetRepeatedInt64(message, &field, i);
    case FieldDescriptor::CPPTYPE_UINT32: return reflection.GetRepeatedUInt32(message, &field, i);
    case FieldDescriptor::CPPTYPE_UINT64: return reflection.GetRepeatedUInt64(message, &field, i);
    case FieldDescriptor::CPPTYPE_DOUBLE: return reflection.GetRepeatedDouble(message, &field, i);
    case FieldDescriptor::CPPTYPE_FLOAT: return reflection.GetRepeatedFloat(message, &field, i);
    case FieldDescriptor::CPPTYPE_BOOL: return reflection.GetRepeatedBool(message, &field, i);
    case FieldDescriptor::CPPTYPE_ENUM: return reflection.GetRepeatedEnum(message, &field, i)->name();
    case FieldDescriptor::CPPTYPE_STRING: return reflection.GetRepeatedString(message, &field, i);
    case FieldDescriptor::CPPTYPE_MESSAGE: return json_of(reflection.GetRepeatedMessage(message, &field, i));
  }
  return nullptr;
}

Json list_of(const ProtoMessage& message, const FieldDescriptor& field) {
  Json list = Json::array();
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i)
    list.push_back(element(message, field, i));
  return list;
}

// An entry of a map is a message with the fields `key` and `value`. In the order of the keys.
Json map_of(const ProtoMessage& message, const FieldDescriptor& field) {
  const FieldDescriptor& key = *field.message_type()->map_key();
  const FieldDescriptor& value = *field.message_type()->map_value();
  std::map<std::string, Json> sorted;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    const ProtoMessage& entry = message.GetReflection()->GetRepeatedMessage(message, &field, i);
    const Json name = single(entry, key);
    sorted[name.is_string() ? name.get<std::string>() : name.dump()] = single(entry, value);
  }
  Json object = Json::object();
  for (auto& [name, content] : sorted) object[name] = std::move(content);
  return object;
}

}  // namespace

Json json_of(const ProtoMessage& message) {
  Json object = Json::object();
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_map())
      object[field.name()] = map_of(message, field);
    else if (field.is_repeated())
      object[field.name()] = list_of(message, field);
    else if (!field.has_presence() || message.GetReflection()->HasField(message, &field))
      object[field.name()] = single(message, field);
  }
  return object;
}

}  // namespace voxd
