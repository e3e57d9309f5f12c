// Macros of MONAI's bundle language: text that is put in place before anything is evaluated.

#include <algorithm>

#include "models/config.h"
#include "models/config_id.h"

namespace voxd {
namespace {

constexpr std::size_t max_files = 64;

bool is_macro(const std::string& text) { return !text.empty() && text[0] == '%'; }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// "%configs/common.json::a::b" names a file and an id in it; "%a::b" an id of the file that it stands in.
struct Target {
  std::string file, id;
};

/// The file's name ends at the last ".json", ".yaml" or ".yml" that "::" or the end follows.
Target target_of(const std::string& macro) {
  const std::string text = normalised_id(std::string_view(macro).substr(1));
  const std::string lowered = lower(text);
  std::size_t end = 0;
  for (const std::string_view suffix : {".json", ".yaml", ".yml"})
    for (std::size_t at = lowered.find(suffix); at != std::string::npos; at = lowered.find(suffix, at + 1)) {
      const std::size_t after = at + suffix.size();
      if (after == text.size() || text.compare(after, id_separator.size(), id_separator) == 0)
        end = std::max(end, after);
    }
  if (end == 0) return {"", text};
  return {text.substr(0, end), text.size() > end ? text.substr(end + id_separator.size()) : ""};
}

/// Every "@::x" in the text, which stands at `holder`, as "@a::b::x".
std::string with_absolute_references(const std::string& text, std::string_view holder) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    result += text[i];
    if (text[i] != '@' && text[i] != '%') continue;
    std::size_t colons = i + 1;
    while (text.compare(colons, id_separator.size(), id_separator) == 0) colons += id_separator.size();
    if (colons == i + 1) continue;
    result += absolute_id(text.substr(i + 1, colons - i - 1), holder);
    i = colons - 1;
  }
  return result;
}

int depth_of(const ConfigValue& value) {
  int deepest = 0;
  if (const auto* list = value.as<ConfigList>())
    for (const ConfigValue& item : *list) deepest = std::max(deepest, depth_of(item));
  if (const auto* map = value.as<ConfigMap>())
    for (const auto& [name, item] : *map) deepest = std::max(deepest, depth_of(item));
  return deepest + 1;
}

}  // namespace

/// One call of Config::expand_macros: walks the tree in the file's order and changes it on the way.
class MacroExpansion {
 public:
  MacroExpansion(Config& config, const Config::FileReader& read)
      : config_(config), read_(read), values_(size_of(config.root_)) {}

  void run() { expand(config_.root_, "", 1); }

 private:
  void expand(ConfigValue& value, const std::string& id, int depth) {
    if (auto* list = std::get_if<ConfigList>(&value.data)) {
      for (std::size_t i = 0; i < list->size(); ++i) expand((*list)[i], child_id(id, i), depth + 1);
    } else if (auto* map = std::get_if<ConfigMap>(&value.data)) {
      for (auto& [name, item] : *map) expand(item, child_id(id, name), depth + 1);
    } else if (const auto* text = value.as<std::string>(); text && is_macro(*text)) {
      replace(value, id, depth);
    }
  }

  void replace(ConfigValue& value, const std::string& id, int depth) {
    ConfigValue copy;
    try {
      copy = content_of(*value.as<std::string>(), id);
    } catch (const Error& error) {
      config_.macro_faults_[id] = error.what();
      return;
    }
    values_ += size_of(copy);
    if (values_ > Config::max_values)
      fail(Code::invalid_argument, config_.where(id), ": macros make more than ", Config::max_values, " values of it");
    if (depth + depth_of(copy) > Config::max_depth)
      fail(Code::invalid_argument, config_.where(id), ": macros nest it deeper than ", Config::max_depth, " levels");
    value = std::move(copy);
  }

  ConfigValue content_of(const std::string& macro, const std::string& holder) {
    const Target target = target_of(with_absolute_references(normalised_id(macro), holder));
    if (target.file.empty()) {
      const ConfigValue* content = config_.raw(target.id);
      if (!content) fail(Code::invalid_argument, "there is no '", target.id, "'");
      ConfigValue copy = *content;
      fix_references(copy, target.id);
      return copy;
    }
    const Config& file = read(target.file);
    const ConfigValue* content = file.raw(target.id);
    if (!content) fail(Code::invalid_argument, "there is no '", target.id, "' in ", file.name());
    return *content;
  }

  const Config& read(const std::string& name) {
    if (const auto known = files_.find(name); known != files_.end()) return known->second;
    if (files_.size() >= max_files) fail(Code::invalid_argument, "more than ", max_files, " other files are named");
    return files_.emplace(name, read_(name)).first->second;
  }

  static void fix_references(ConfigValue& value, const std::string& id) {
    if (auto* list = std::get_if<ConfigList>(&value.data))
      for (std::size_t i = 0; i < list->size(); ++i) fix_references((*list)[i], child_id(id, i));
    if (auto* map = std::get_if<ConfigMap>(&value.data))
      for (auto& [name, item] : *map) fix_references(item, child_id(id, name));
    if (auto* text = std::get_if<std::string>(&value.data); text && text->find_first_of("@%") != std::string::npos)
      *text = with_absolute_references(*text, id);
  }

  Config& config_;
  const Config::FileReader& read_;
  std::map<std::string, Config> files_;
  std::size_t values_;
};

Config Config::expand_macros(const FileReader& read) const {
  Config expanded = *this;
  MacroExpansion(expanded, read).run();
  return expanded;
}

std::string Config::macro_fault(std::string_view id) const {
  const auto found = macro_faults_.find(id);
  return found != macro_faults_.end() ? found->second
                                      : "stands in what another macro brought here; macros are replaced once only";
}

}  // namespace voxd
