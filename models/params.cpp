#include "models/params.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "models/config_id.h"

namespace voxd {
namespace {

/// MONAI has three names for each dictionary transform: Xd, XD and XDict.
std::string canonical(std::string name) {
  if (name.size() > 4 && name.ends_with("Dict")) return name.substr(0, name.size() - 4) + "d";
  if (name.size() > 1 && name.ends_with("D")) return name.substr(0, name.size() - 1) + "d";
  return name;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::optional<double> number_of(const ConfigValue& value) {
  if (const auto* whole = value.as<std::int64_t>()) return static_cast<double>(*whole);
  if (const auto* real = value.as<double>()) return *real;
  return std::nullopt;
}

std::optional<int> integer_of(const ConfigValue& value) {
  const auto fits = [](std::int64_t n) {
    return n >= std::numeric_limits<int>::min() && n <= std::numeric_limits<int>::max();
  };
  if (const auto* whole = value.as<std::int64_t>(); whole && fits(*whole)) return static_cast<int>(*whole);
  return std::nullopt;
}

/// Some bundles write booleans as strings.
std::optional<bool> flag_of(const ConfigValue& value) {
  if (const bool* flag = value.as<bool>()) return *flag;
  if (const auto* text = value.as<std::string>()) {
    if (*text == "True" || *text == "true") return true;
    if (*text == "False" || *text == "false") return false;
  }
  return std::nullopt;
}

}  // namespace

std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates)
    if (const std::size_t distance = edit_distance(word, candidate); distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  return best;
}

Params::Params(const Config& config, std::string id)
    : config_(config), id_(std::move(id)), asked_(std::make_shared<std::set<std::string, std::less<>>>()) {
  const ConfigValue* raw = config_.raw(id_);
  if (!raw || !raw->as<ConfigMap>())
    fail(Code::invalid_argument, config_.where(id_), ": expected a map",
         raw ? ", found " + to_text(*raw) : std::string());
  const ConfigValue* target = raw->find("_target_");
  if (!target) return;
  const auto* name = target->as<std::string>();
  if (!name || name->empty()) mistyped("_target_", *target, "a class name");
  const std::size_t dot = name->rfind('.');
  if (dot != std::string::npos && !name->starts_with("monai."))
    refuse(Code::unimplemented, "_target_", "'" + *name + "' is the bundle's own Python code, which is never run");
  target_ = canonical(dot == std::string::npos ? *name : name->substr(dot + 1));
  if (const ConfigValue* mode = raw->find("_mode_"); mode && to_text(*mode) != "'default'")
    refuse(Code::unimplemented, "_mode_", "only 'default' is supported, found " + to_text(*mode));
  asked_->insert({"_target_", "_mode_", "_desc_", "_requires_", "_disabled_"});
}

bool Params::has(std::string_view name) const { return config_.raw(child_id(id_, name)) != nullptr; }

ConfigValue Params::value(std::string_view name) {
  asked_->emplace(name);
  if (!has(name)) return {};
  ConfigValue value = config_.resolve(child_id(id_, name));
  if (per_key_.names.count(name) == 0) return value;
  const auto* list = value.as<ConfigList>();
  if (!list) return value;
  if (list->size() != per_key_.count)
    refuse(Code::invalid_argument, name,
           std::to_string(list->size()) + " values for " + std::to_string(per_key_.count) + " keys: " + to_text(value));
  return (*list)[per_key_.index];
}

double Params::number(std::string_view name) {
  const ConfigValue found = value(name);
  if (const auto number = number_of(found)) return *number;
  if (!has(name)) refuse(Code::invalid_argument, name, "is missing");
  mistyped(name, found, "a number");
}

double Params::number(std::string_view name, double fallback) {
  return has(name) ? number(name) : (value(name), fallback);
}

std::optional<double> Params::optional_number(std::string_view name) {
  const ConfigValue found = value(name);
  if (found.is_null()) return std::nullopt;
  if (const auto number = number_of(found)) return number;
  mistyped(name, found, "a number");
}

int Params::integer(std::string_view name, int fallback) {
  const ConfigValue found = value(name);
  if (found.is_null()) return fallback;
  if (const auto integer = integer_of(found)) return *integer;
  mistyped(name, found, "a whole number of at most 31 bits");
}

bool Params::flag(std::string_view name, bool fallback) {
  const ConfigValue found = value(name);
  if (!has(name)) return fallback;
  if (const auto flag = flag_of(found)) return *flag;
  mistyped(name, found, "true or false");
}

std::optional<bool> Params::optional_flag(std::string_view name) {
  const ConfigValue found = value(name);
  if (found.is_null()) return std::nullopt;
  if (const auto flag = flag_of(found)) return flag;
  mistyped(name, found, "true or false");
}

std::string Params::text(std::string_view name) {
  const ConfigValue found = value(name);
  if (const auto* text = found.as<std::string>()) return *text;
  if (!has(name)) refuse(Code::invalid_argument, name, "is missing");
  mistyped(name, found, "a string");
}

std::string Params::text(std::string_view name, std::string_view fallback) {
  const ConfigValue found = value(name);
  if (found.is_null()) return std::string(fallback);
  if (const auto* text = found.as<std::string>()) return *text;
  mistyped(name, found, "a string");
}

std::vector<std::string> Params::texts(std::string_view name) {
  const ConfigValue found = value(name);
  if (!has(name)) refuse(Code::invalid_argument, name, "is missing");
  if (const auto* text = found.as<std::string>()) return {*text};
  std::vector<std::string> result;
  if (const auto* list = found.as<ConfigList>())
    for (const ConfigValue& item : *list) {
      if (!item.as<std::string>()) mistyped(name, found, "a string or a list of strings");
      result.push_back(*item.as<std::string>());
    }
  if (result.empty()) mistyped(name, found, "a string or a list of strings");
  return result;
}

std::vector<int> Params::integers(std::string_view name, std::vector<int> fallback) {
  const ConfigValue found = value(name);
  if (found.is_null()) return fallback;
  if (const auto integer = integer_of(found)) return {*integer};
  const auto* list = found.as<ConfigList>();
  if (!list || list->empty()) mistyped(name, found, "a whole number or a list of them");
  std::vector<int> result;
  for (const ConfigValue& item : *list) {
    const auto integer = integer_of(item);
    if (!integer) mistyped(name, found, "a whole number or a list of them");
    result.push_back(*integer);
  }
  return result;
}

std::vector<double> Params::numbers(std::string_view name, std::vector<double> fallback) {
  const ConfigValue found = value(name);
  if (found.is_null()) return fallback;
  if (const auto number = number_of(found)) return {*number};
  const auto* list = found.as<ConfigList>();
  if (!list || list->empty()) mistyped(name, found, "a number or a list of them");
  std::vector<double> result;
  for (const ConfigValue& item : *list) {
    const auto number = number_of(item);
    if (!number) mistyped(name, found, "a number or a list of them");
    result.push_back(*number);
  }
  return result;
}

std::string Params::dtype(std::string_view name) {
  const ConfigValue found = value(name);
  if (found.is_null()) return {};
  std::string type;
  if (const auto* python = found.as<PythonName>()) type = python->name;
  if (const auto* text = found.as<std::string>()) type = *text;
  type = type.substr(type.rfind('.') + 1);
  if (type.empty()) mistyped(name, found, "the name of a type");
  return type == "float" ? "float32" : type;
}

void Params::ignore(std::initializer_list<std::string_view> names) {
  for (std::string_view name : names) asked_->emplace(name);
}

void Params::require_off(std::initializer_list<std::string_view> names) {
  for (std::string_view name : names) {
    const ConfigValue found = value(name);
    if (!found.is_null() && flag_of(found) != false)
      refuse(Code::unimplemented, name, to_text(found) + " is not supported, only False or None");
  }
}

Params Params::for_key(std::size_t index, std::size_t count, std::initializer_list<std::string_view> names) const {
  Params result = *this;
  result.per_key_.index = index;
  result.per_key_.count = count;
  for (std::string_view name : names) result.per_key_.names.emplace(name);
  return result;
}

void Params::finish() const {
  for (const auto& [name, value] : *config_.raw(id_)->as<ConfigMap>()) {
    if (asked_->count(name)) continue;
    const std::vector<std::string> known(asked_->begin(), asked_->end());
    const std::string meant = nearest_name(name, known);
    refuse(Code::unimplemented, name,
           (target_.empty() ? "is not known" : "is not a parameter of " + target_ + " that is supported") +
               (meant.empty() ? "" : "; did you mean '" + meant + "'?"));
  }
}

void Params::refuse(Code code, std::string_view name, const std::string& message) const {
  fail(code, config_.where(child_id(id_, name)), ": ", message);
}

void Params::mistyped(std::string_view name, const ConfigValue& value, std::string_view expected) const {
  refuse(Code::invalid_argument, name, "expected " + std::string(expected) + ", found " + to_text(value));
}

}  // namespace voxd
