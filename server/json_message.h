#pragma once

#include <google/protobuf/message.h>

#include <nlohmann/json_fwd.hpp>

namespace voxd {

/// A message of the KServe protocol as its REST form has it: fields under their names, in their order, those without a
/// value with 0, false, "" or an empty list, but for messages and choices, which are left out; 64-bit numbers as
/// numbers, enumerations by name, maps as objects.
nlohmann::ordered_json json_of(const google::protobuf::Message& message);

}  // namespace voxd
