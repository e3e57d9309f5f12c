#include "models/config_id.h"

#include <algorithm>

namespace voxd {
namespace {

bool is_index(std::string_view name) {
  return !name.empty() && name.size() < 8 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string child_id(std::string_view id, std::string_view name) {
  return id.empty() ? std::string(name) : std::string(id) + std::string(id_separator) + std::string(name);
}

std::string child_id(std::string_view id, std::size_t index) { return child_id(id, std::to_string(index)); }

std::vector<std::string> split_id(std::string_view id) {
  std::vector<std::string> names;
  while (!id.empty()) {
    const std::size_t end = std::min(id.find(id_separator), id.size());
    names.emplace_back(id.substr(0, end));
    id.remove_prefix(std::min(id.size(), end + id_separator.size()));
  }
  return names;
}

std::string normalised_id(std::string_view id) {
  std::string result;
  for (char c : id) result += c == '#' ? std::string(id_separator) : std::string(1, c);
  return result;
}

std::string absolute_id(std::string_view reference, std::string_view holder) {
  std::size_t levels = 0;
  while (reference.substr(0, id_separator.size()) == id_separator) {
    reference.remove_prefix(id_separator.size());
    ++levels;
  }
  if (levels == 0) return std::string(reference);
  const std::vector<std::string> path = split_id(holder);
  if (levels > path.size())
    fail(Code::invalid_argument, "goes up ", levels, " levels from a place that is ", path.size(), " deep");
  std::string id;
  for (std::size_t i = 0; i + levels < path.size(); ++i) id = child_id(id, path[i]);
  return child_id(id, reference);
}

const ConfigValue* step_into(const ConfigValue& value, std::string_view name) {
  if (const auto* list = value.as<ConfigList>()) {
    const std::size_t index = is_index(name) ? std::stoul(std::string(name)) : list->size();
    return index < list->size() ? &(*list)[index] : nullptr;
  }
  return value.find(name);
}

const ConfigValue* value_at(const ConfigValue& root, std::string_view id) {
  const ConfigValue* value = &root;
  for (const std::string& name : split_id(id)) {
    value = step_into(*value, name);
    if (!value) return nullptr;
  }
  return value;
}

}  // namespace voxd
