#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "models/config.h"

namespace voxd {

/// The parameters of one component, read one by one by whoever understands them; what nobody asked for is refused by
/// finish(). Every fault names the file, the path inside it and the value. Used by one thread; must not outlive the
/// config.
class Params {
 public:
  /// Of the map at `id`. Throws Error{invalid_argument} if there is none.
  Params(const Config& config, std::string id);

  const std::string& id() const { return id_; }
  const Config& config() const { return config_; }
  /// `_target_` without its module and with a dictionary transform's name ending in "d": "Orientationd". Throws
  /// Error{unimplemented} for a bundle's own Python code. Empty where there is no `_target_`.
  const std::string& target() const { return target_; }

  bool has(std::string_view name) const;
  /// The resolved value, null when absent.
  ConfigValue value(std::string_view name);

  double number(std::string_view name);
  double number(std::string_view name, double fallback);
  std::optional<double> optional_number(std::string_view name);
  int integer(std::string_view name, int fallback);
  bool flag(std::string_view name, bool fallback);
  std::optional<bool> optional_flag(std::string_view name);
  std::string text(std::string_view name);
  std::string text(std::string_view name, std::string_view fallback);
  std::vector<std::string> texts(std::string_view name);                        ///< one string or a list of them
  std::vector<int> integers(std::string_view name, std::vector<int> fallback);  ///< one number or a list
  std::vector<double> numbers(std::string_view name, std::vector<double> fallback);
  /// "float32" of "float32", "torch.float32" or numpy.float32; empty when absent or null.
  std::string dtype(std::string_view name);

  /// Has no meaning for a server (file names, printing): accepted whatever it says, not even evaluated.
  void ignore(std::initializer_list<std::string_view> names);
  /// Only null or false is supported.
  void require_off(std::initializer_list<std::string_view> names);

  /// The same parameters with those of `names` that are lists of `count` values replaced by their value `index`:
  /// MONAI's dictionary transforms take some parameters per key. Throws Error{invalid_argument} where such a list has
  /// another length.
  Params for_key(std::size_t index, std::size_t count, std::initializer_list<std::string_view> names) const;

  /// Throws Error{unimplemented} naming the first parameter that was not asked for, and the nearest that is known.
  void finish() const;

  /// Throws Error{code} with "<file>: <path of name>: <message>".
  [[noreturn]] void refuse(Code code, std::string_view name, const std::string& message) const;

 private:
  [[noreturn]] void mistyped(std::string_view name, const ConfigValue& value, std::string_view expected) const;

  struct PerKey {
    std::size_t index = 0, count = 0;
    std::set<std::string, std::less<>> names;
  };

  const Config& config_;
  std::string id_;
  std::string target_;
  std::shared_ptr<std::set<std::string, std::less<>>> asked_;
  PerKey per_key_;
};

/// The candidate that `word` was most likely meant to be, empty when none is near.
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace voxd
