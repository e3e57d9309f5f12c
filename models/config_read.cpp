#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "models/config.h"

namespace voxd {
namespace {

/// Builds a ConfigValue from parse events, with the limits on depth and number that both formats share.
class Builder {
 public:
  explicit Builder(const std::string& name) : name_(name) {}

  void scalar(ConfigValue value) {
    count();
    place(std::move(value));
  }

  void key(std::string text) {
    for (const auto& [known, value] : std::get<ConfigMap>(open_.back().value.data))
      if (known == text) fail(Code::invalid_argument, name_, ": the name '", text, "' stands twice in one map");
    open_.back().key = std::move(text);
  }

  template <class Container>
  void begin() {
    count();
    if (open_.size() >= Config::max_depth)
      fail(Code::invalid_argument, name_, ": nested deeper than ", Config::max_depth, " levels");
    open_.push_back({ConfigValue{Container{}}, {}});
  }

  void end() {
    ConfigValue done = std::move(open_.back().value);
    open_.pop_back();
    place(std::move(done));
  }

  ConfigValue take() { return std::move(root_); }

 private:
  struct Open {
    ConfigValue value;
    std::string key;
  };

  void count() {
    if (++values_ > Config::max_values)
      fail(Code::invalid_argument, name_, ": more than ", Config::max_values, " values");
  }

  void place(ConfigValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (auto* list = std::get_if<ConfigList>(&open_.back().value.data)) {
      list->push_back(std::move(value));
    } else {
      std::get<ConfigMap>(open_.back().value.data).emplace_back(std::move(open_.back().key), std::move(value));
    }
  }

  const std::string& name_;
  std::vector<Open> open_;
  ConfigValue root_;
  std::size_t values_ = 0;
};

/// nlohmann's parse events, passed on.
class JsonEvents : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonEvents(Builder& builder, const std::string& name) : builder_(builder), name_(name) {}

  bool null() override { return put(ConfigValue{}); }
  bool boolean(bool value) override { return put(ConfigValue{value}); }
  bool number_integer(number_integer_t value) override { return put(ConfigValue{std::int64_t{value}}); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max()))
      fail(Code::invalid_argument, name_, ": the number ", value, " does not fit 63 bits");
    return put(ConfigValue{static_cast<std::int64_t>(value)});
  }
  bool number_float(number_float_t value, const string_t&) override { return put(ConfigValue{double{value}}); }
  bool string(string_t& value) override { return put(ConfigValue{std::move(value)}); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return builder_.begin<ConfigMap>(), true; }
  bool key(string_t& value) override { return builder_.key(std::move(value)), true; }
  bool end_object() override { return builder_.end(), true; }
  bool start_array(std::size_t) override { return builder_.begin<ConfigList>(), true; }
  bool end_array() override { return builder_.end(), true; }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) override {
    // The library's text starts with "[json.exception.parse_error.101] parse error at line 1, column 2: ".
    std::string reason = error.what();
    if (const auto start = reason.find("parse error"); start != std::string::npos) reason.erase(0, start);
    fail(Code::invalid_argument, name_, ": not JSON, byte ", position, ": ", reason);
  }

 private:
  bool put(ConfigValue value) {
    builder_.scalar(std::move(value));
    return true;
  }

  Builder& builder_;
  const std::string& name_;
};

ConfigValue parse_json(std::string_view text, const std::string& name) {
  Builder builder(name);
  JsonEvents events(builder, name);
  if (!nlohmann::json::sax_parse(text, &events)) fail(Code::invalid_argument, name, ": not JSON");
  return builder.take();
}

bool any_of(std::string_view text, std::initializer_list<std::string_view> words) {
  for (std::string_view word : words)
    if (text == word) return true;
  return false;
}

/// The whole text as a number of that type.
template <class T>
bool read_number(std::string_view text, T& number) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc{} && end == text.data() + text.size();
}

/// A plain scalar as YAML 1.1 has it, the version that MONAI's reader speaks: yes and on are booleans, 1e3 (without a
/// point) is a string.
ConfigValue yaml_scalar(const std::string& text) {
  if (any_of(text, {"", "~", "null", "Null", "NULL"})) return {};
  if (any_of(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})) return {true};
  if (any_of(text, {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})) return {false};
  if (any_of(text, {".inf", ".Inf", ".INF", "+.inf"})) return {std::numeric_limits<double>::infinity()};
  if (any_of(text, {"-.inf", "-.Inf", "-.INF"})) return {-std::numeric_limits<double>::infinity()};
  if (any_of(text, {".nan", ".NaN", ".NAN"})) return {std::numeric_limits<double>::quiet_NaN()};
  std::int64_t whole = 0;
  if (read_number(text, whole)) return {whole};
  double real = 0;
  if (text.find('.') != std::string::npos && text.find_first_not_of("+-.0123456789eE") == std::string::npos &&
      read_number(text, real))
    return {real};
  return {text};
}

void walk_yaml(const YAML::Node& node, Builder& builder, const std::string& name) {
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null: builder.scalar({}); return;
    case YAML::NodeType::Scalar:
      // A quoted scalar has the tag "!": it is a string whatever it looks like.
      builder.scalar(node.Tag() == "!" ? ConfigValue{node.Scalar()} : yaml_scalar(node.Scalar()));
      return;
    case YAML::NodeType::Sequence:
      builder.begin<ConfigList>();
      for (const YAML::Node& item : node) walk_yaml(item, builder, name);
      builder.end();
      return;
    case YAML::NodeType::Map:
      builder.begin<ConfigMap>();
      for (const auto& item : node) {
        if (!item.first.IsScalar() || item.first.Scalar() == "<<")
          fail(Code::invalid_argument, name, ": line ", item.first.Mark().line + 1,
               ": only plain names can be keys of a map");
        builder.key(item.first.Scalar());
        walk_yaml(item.second, builder, name);
      }
      builder.end();
      return;
  }
}

/// Where documents end, and nothing of what is in them.
struct DocumentWalk final : YAML::EventHandler {
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

/// YAML::LoadAll would do, but of some malformed texts it makes empty documents without end.
void require_one_document(const std::string& text, const std::string& name) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentWalk walk;
  int documents = 0;
  while (documents < 2 && parser.HandleNextDocument(walk)) ++documents;
  if (documents != 1)
    fail(Code::invalid_argument, name, ": holds ", documents == 0 ? "no" : "more than one",
         " YAML document, expected one");
}

ConfigValue parse_yaml(std::string_view text, const std::string& name) {
  try {
    require_one_document(std::string(text), name);
    Builder builder(name);
    walk_yaml(YAML::Load(std::string(text)), builder, name);
    return builder.take();
  } catch (const YAML::Exception& error) {
    fail(Code::invalid_argument, name, ": not YAML, line ", error.mark.line + 1, ": ", error.msg);
  }
}

}  // namespace

Config Config::parse(std::string_view text, Format format, std::string name) {
  if (text.size() > max_bytes) fail(Code::invalid_argument, name, ": ", text.size(), " bytes, at most ", max_bytes);
  ConfigValue root = format == Format::json ? parse_json(text, name) : parse_yaml(text, name);
  if (!root.as<ConfigMap>()) fail(Code::invalid_argument, name, ": expected a map at the top, found ", to_text(root));
  return Config(std::move(name), std::move(root));
}

Config Config::read(const std::filesystem::path& file, std::string name) {
  std::ifstream in(file, std::ios::binary);
  if (!in) fail(Code::not_found, name, ": cannot be opened");
  std::string text(max_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) fail(Code::not_found, name, ": cannot be read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  return parse(text, file.extension() == ".json" ? Format::json : Format::yaml, std::move(name));
}

}  // namespace voxd
