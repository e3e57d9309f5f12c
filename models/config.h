#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "gpu_transforms/volume/error.h"

namespace voxd {

struct ConfigValue;
using ConfigList = std::vector<ConfigValue>;
using ConfigMap = std::vector<std::pair<std::string, ConfigValue>>;  ///< in the file's order

/// A Python object that an expression names and that voxd gives a meaning of its own: "torch.float32",
/// "torch.device('cpu')", "lambda x: x[1:]".
struct PythonName {
  std::string name;
};

/// An object that the config describes at `id` (a map with `_target_`). It is never built by the reader: whoever needs
/// it reads its parameters.
struct ComponentRef {
  std::string id;
};

/// One value of a config file, or what an expression makes of it.
struct ConfigValue {
  std::variant<std::monostate, bool, std::int64_t, double, std::string, PythonName, ComponentRef, ConfigList, ConfigMap>
      data;

  bool is_null() const { return std::holds_alternative<std::monostate>(data); }
  template <class T>
  const T* as() const {
    return std::get_if<T>(std::addressof(data));  // clang would look for a & of the incomplete types in it
  }
  /// The entry of that name, null when this is no map or has none.
  const ConfigValue* find(std::string_view key) const;
};

/// The value as Python would write it, at most about 80 characters: for messages.
std::string to_text(const ConfigValue& value);

/// About how much memory the value takes, in units of a number or 64 characters: what limits are counted in.
std::size_t size_of(const ConfigValue& value);

/// The text with a question mark for every byte that is not printable ASCII, so that it can be cut anywhere and sent
/// anywhere.
std::string printable(std::string_view text);

/// A file of MONAI's bundle configuration language, JSON or YAML, and what it means: `@` references, `$` expressions
/// and disabled components. Nothing is evaluated before it is asked for, so that what a server does not need (data
/// lists, training, Python) does no harm. An id is a path of names and list indices,
/// "preprocessing::transforms::3::pixdim"; "" is the whole file. Immutable after construction; safe from any thread.
class Config {
 public:
  enum class Format { json, yaml };

  /// What the file may cost to read: a hostile or broken one is refused, never a crash.
  static constexpr std::size_t max_bytes = 4u << 20;
  static constexpr int max_depth = 64;
  static constexpr std::size_t max_values = 200'000;

  /// Reads a file; .json is JSON, .yaml and .yml are YAML. `name` is how messages call it.
  /// Throws Error{not_found} if it cannot be read, Error{invalid_argument} with line or byte if it is malformed.
  static Config read(const std::filesystem::path& file, std::string name);
  static Config parse(std::string_view text, Format format, std::string name);

  const std::string& name() const { return name_; }
  /// The value at `id` as the file has it; null when there is none.
  const ConfigValue* raw(std::string_view id) const;

  /// The value at `id` with references and expressions in it resolved. A component comes back as ComponentRef, a
  /// disabled one as null (within a list or map it is left out, as in MONAI). Throws Error{invalid_argument} on an
  /// unknown id, a cycle or a size past the limits, Error{unimplemented} on an expression that is not supported; both
  /// name the file, the path in it and the text.
  ConfigValue resolve(std::string_view id) const;

  /// Another file of the bundle that a macro names. Throws what Config::read throws.
  using FileReader = std::function<Config(const std::string& file)>;
  /// The file with each macro ("%id", "%file.json::id") replaced by a copy of the raw content that it names, as MONAI
  /// does it: in the file's order and once, so that a macro within a copy stays one. References in a copy count from
  /// the top of this file; relative ones, of content of this file, from where they stood. What cannot be replaced is
  /// left for resolve() to refuse, should it be asked for. Throws Error{invalid_argument} past the limits.
  Config expand_macros(const FileReader& read) const;
  /// Why the macro at `id` was left.
  std::string macro_fault(std::string_view id) const;

  /// "configs/inference.json: preprocessing.transforms[3].pixdim": the start of every message about an id.
  std::string where(std::string_view id) const;

  bool cuda = false;  ///< what torch.cuda.is_available() says; set before anything is resolved

 private:
  friend class MacroExpansion;

  Config(std::string name, ConfigValue root) : name_(std::move(name)), root_(std::move(root)) {}

  std::string name_;
  ConfigValue root_;
  std::map<std::string, std::string, std::less<>> macro_faults_;  // by id
};

}  // namespace voxd
