#include "models/config.h"

#include <algorithm>
#include <sstream>

#include "models/config_expression.h"
#include "models/config_id.h"

namespace voxd {
namespace {

bool is_component(const ConfigValue& value) { return value.find("_target_") != nullptr; }

std::string quoted_start(std::string_view text) {
  return '"' + printable(text.substr(0, 80)) + (text.size() > 80 ? "...\"" : "\"");
}

/// One call of Config::resolve: knows what it is in the middle of, and how much it may still produce.
class Resolution {
 public:
  explicit Resolution(const Config& config) : config_(config) {}

  ConfigValue at(const std::string& id) {
    const ConfigValue* raw = config_.raw(id);
    if (!raw) fail(Code::invalid_argument, "there is no '", id, "'");
    if (std::find(in_progress_.begin(), in_progress_.end(), id) != in_progress_.end())
      fail(Code::invalid_argument, "refers to itself through '", id, "'");
    if (in_progress_.size() >= Config::max_depth)
      fail(Code::invalid_argument, "references are nested deeper than ", Config::max_depth, " levels");
    in_progress_.push_back(id);
    ConfigValue result = resolve(*raw, id);
    in_progress_.pop_back();
    return result;
  }

 private:
  ConfigValue resolve(const ConfigValue& raw, const std::string& id) {
    count(1);
    if (const auto* text = raw.as<std::string>()) return resolve_text(*text, id);
    if (const auto* list = raw.as<ConfigList>()) return resolve_list(*list, id);
    if (is_component(raw)) return disabled(raw, id) ? ConfigValue{} : ConfigValue{ComponentRef{id}};
    if (const auto* map = raw.as<ConfigMap>()) return resolve_map(*map, id);
    return raw;
  }

  ConfigValue resolve_list(const ConfigList& list, const std::string& id) {
    ConfigList result;
    for (std::size_t i = 0; i < list.size(); ++i) {
      ConfigValue value = resolve(list[i], child_id(id, i));
      if (!(is_component(list[i]) && value.is_null())) result.push_back(std::move(value));
    }
    return {std::move(result)};
  }

  ConfigValue resolve_map(const ConfigMap& map, const std::string& id) {
    ConfigMap result;
    for (const auto& [name, raw] : map) {
      ConfigValue value = resolve(raw, child_id(id, name));
      if (!(is_component(raw) && value.is_null())) result.emplace_back(name, std::move(value));
    }
    return {std::move(result)};
  }

  ConfigValue resolve_text(const std::string& text, const std::string& id) {
    if (text.empty() || (text[0] != '$' && text[0] != '@' && text[0] != '%')) return {text};
    try {
      if (text[0] == '%') fail(Code::invalid_argument, config_.macro_fault(id));
      if (text[0] == '$') return evaluate(std::string_view(text).substr(1), id);
      const std::string reference = normalised_id(std::string_view(text).substr(1));
      // Only a string that is one reference from end to end is one; MONAI leaves others as they are.
      const auto plain = [](char c) {
        return c == '_' || c == ':' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      };
      if (!std::all_of(reference.begin(), reference.end(), plain)) return {text};
      return counted(at(absolute_id(reference, id)));
    } catch (const Error& error) {
      // The innermost place is the one to look at: outer ones pass its message on.
      if (explained_) throw;
      explained_ = true;
      throw Error(error.code(), config_.where(id) + ": " + quoted_start(text) + ": " + error.what());
    }
  }

  ConfigValue evaluate(std::string_view text, const std::string& id) {
    ExpressionScope scope;
    scope.reference = [&](std::string_view reference) { return at(absolute_id(normalised_id(reference), id)); };
    scope.cuda_available = config_.cuda;
    return counted(evaluate_expression(text, scope));
  }

  bool disabled(const ConfigValue& component, const std::string& id) {
    const ConfigValue* raw = component.find("_disabled_");
    if (!raw) return false;
    const ConfigValue value = resolve(*raw, child_id(id, "_disabled_"));
    if (const bool* flag = value.as<bool>()) return *flag;
    if (const auto* text = value.as<std::string>(); text && (*text == "True" || *text == "true")) return true;
    if (const auto* text = value.as<std::string>(); text && (*text == "False" || *text == "false")) return false;
    explained_ = true;
    fail(Code::invalid_argument, config_.where(child_id(id, "_disabled_")), ": expected true or false, found ",
         to_text(value));
  }

  void count(std::size_t values) {
    produced_ += values;
    if (produced_ > Config::max_values)
      fail(Code::invalid_argument, "references make more than ", Config::max_values, " values of it");
  }

  /// A reference to a large list makes a copy of it, so copies count too.
  ConfigValue counted(ConfigValue value) {
    count(size_of(value));
    return value;
  }

  const Config& config_;
  std::vector<std::string> in_progress_;
  std::size_t produced_ = 0;
  bool explained_ = false;
};

void write(std::ostream& out, const ConfigValue& value) {
  struct Writer {
    std::ostream& out;
    void operator()(std::monostate) const { out << "None"; }
    void operator()(bool flag) const { out << (flag ? "True" : "False"); }
    void operator()(std::int64_t number) const { out << number; }
    void operator()(double number) const { out << number; }
    void operator()(const std::string& text) const {
      out << '\'' << printable(std::string_view(text).substr(0, 80)) << '\'';
    }
    void operator()(const PythonName& name) const { out << name.name; }
    void operator()(const ComponentRef& component) const { out << '@' << component.id; }
    void operator()(const ConfigList& list) const {
      out << '[';
      for (std::size_t i = 0; i < list.size() && i < 20; ++i) {
        if (i) out << ", ";
        write(out, list[i]);
      }
      out << ']';
    }
    void operator()(const ConfigMap& map) const {
      out << '{';
      for (std::size_t i = 0; i < map.size() && i < 20; ++i) {
        out << (i ? ", '" : "'") << map[i].first << "': ";
        write(out, map[i].second);
      }
      out << '}';
    }
  };
  std::visit(Writer{out}, value.data);
}

}  // namespace

const ConfigValue* ConfigValue::find(std::string_view key) const {
  if (const auto* map = as<ConfigMap>())
    for (const auto& [name, value] : *map)
      if (name == key) return &value;
  return nullptr;
}

std::size_t size_of(const ConfigValue& value) {
  std::size_t total = 1;
  if (const auto* text = value.as<std::string>()) total += text->size() / 64;
  if (const auto* list = value.as<ConfigList>())
    for (const ConfigValue& item : *list) total += size_of(item);
  if (const auto* map = value.as<ConfigMap>())
    for (const auto& [name, item] : *map) total += size_of(item);
  return total;
}

std::string printable(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c < ' ' || c > '~') c = '?';
  return result;
}

std::string to_text(const ConfigValue& value) {
  std::ostringstream out;
  write(out, value);
  std::string text = out.str();
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  return text;
}

const ConfigValue* Config::raw(std::string_view id) const {
  return value_at(root_, id);
}

ConfigValue Config::resolve(std::string_view id) const {
  try {
    return Resolution(*this).at(std::string(id));
  } catch (const Error& error) {
    if (std::string_view(error.what()).substr(0, name_.size()) == name_) throw;
    throw Error(error.code(), where(id) + ": " + error.what());
  }
}

std::string Config::where(std::string_view id) const {
  std::string path;
  const ConfigValue* value = &root_;
  for (const std::string& name : split_id(id)) {
    const bool in_list = value && value->as<ConfigList>();
    if (in_list)
      path.append("[").append(name).append("]");
    else
      path.append(path.empty() ? "" : ".").append(printable(name));
    value = value ? step_into(*value, name) : nullptr;
  }
  return path.empty() ? name_ : name_ + ": " + path;
}

}  // namespace voxd
