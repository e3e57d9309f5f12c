#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/config.h"

namespace voxd {

/// An id is a path of names and list indices, "preprocessing::transforms::3::pixdim"; "" is the whole file.
inline constexpr std::string_view id_separator = "::";

/// `id` + "::" + `name`.
std::string child_id(std::string_view id, std::string_view name);
std::string child_id(std::string_view id, std::size_t index);

std::vector<std::string> split_id(std::string_view id);

/// "a#b#0" (the older notation) as "a::b::0".
std::string normalised_id(std::string_view id);

/// What `reference` means in the value at `holder`: "::x" is x beside that value, "::::x" one level further up, and so
/// on; others count from the top. Throws Error{invalid_argument} where it goes above the top.
std::string absolute_id(std::string_view reference, std::string_view holder);

/// The value at `id` in `root`; null when there is none.
const ConfigValue* value_at(const ConfigValue& root, std::string_view id);
/// The entry or list item of that name.
const ConfigValue* step_into(const ConfigValue& value, std::string_view name);

}  // namespace voxd
