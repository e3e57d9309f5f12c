#include "models/config_expression.h"

#include <charconv>
#include <optional>

#include "models/expression_lexer.h"

namespace voxd {
namespace {

constexpr int max_nesting = 64;
constexpr std::size_t max_text = 1u << 20;
constexpr std::size_t max_items = 100'000;

bool truth(const ConfigValue& value) {
  struct Truth {
    bool operator()(std::monostate) const { return false; }
    bool operator()(bool flag) const { return flag; }
    bool operator()(std::int64_t number) const { return number != 0; }
    bool operator()(double number) const { return number != 0; }
    bool operator()(const std::string& text) const { return !text.empty(); }
    bool operator()(const PythonName&) const { return true; }
    bool operator()(const ComponentRef&) const { return true; }
    bool operator()(const ConfigList& list) const { return !list.empty(); }
    bool operator()(const ConfigMap& map) const { return !map.empty(); }
  };
  return std::visit(Truth{}, value.data);
}

/// Python's arithmetic treats True as 1.
std::optional<std::int64_t> as_integer(const ConfigValue& value) {
  if (const bool* flag = value.as<bool>()) return *flag ? 1 : 0;
  if (const auto* number = value.as<std::int64_t>()) return *number;
  return std::nullopt;
}

std::optional<double> as_real(const ConfigValue& value) {
  if (const auto* real = value.as<double>()) return *real;
  if (const auto whole = as_integer(value)) return static_cast<double>(*whole);
  return std::nullopt;
}

ConfigValue add(const ConfigValue& left, const ConfigValue& right) {
  if (left.as<std::string>() && right.as<std::string>()) {
    if (left.as<std::string>()->size() + right.as<std::string>()->size() > max_text)
      fail(Code::invalid_argument, "makes a string of more than ", max_text, " characters");
    return {*left.as<std::string>() + *right.as<std::string>()};
  }
  if (left.as<ConfigList>() && right.as<ConfigList>()) {
    ConfigList joined = *left.as<ConfigList>();
    if (joined.size() + right.as<ConfigList>()->size() > max_items)
      fail(Code::invalid_argument, "makes a list of more than ", max_items, " items");
    joined.insert(joined.end(), right.as<ConfigList>()->begin(), right.as<ConfigList>()->end());
    return {std::move(joined)};
  }
  if (const auto a = as_integer(left), b = as_integer(right); a && b) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(*a, *b, &sum))
      fail(Code::invalid_argument, to_text(left), " + ", to_text(right), " does not fit 63 bits");
    return {sum};
  }
  if (const auto a = as_real(left), b = as_real(right); a && b) return {*a + *b};
  fail(Code::invalid_argument, to_text(left), " + ", to_text(right), ": operands that cannot be added");
}

/// numpy and torch have these names for the types of array elements.
bool is_dtype(std::string_view name) {
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view module = name.substr(0, dot), type = name.substr(dot + 1);
  if (module != "torch" && module != "numpy" && module != "np") return false;
  for (std::string_view known :
       {"float32", "float", "float64", "double", "float16", "half", "bfloat16", "uint8", "int8", "uint16", "int16",
        "short", "uint32", "int32", "int", "uint64", "int64", "long", "bool"})
    if (type == known) return true;
  return false;
}

/// Parses and evaluates in one descent. A branch that is not taken is parsed with `live` false: its references are not
/// followed.
class Evaluator {
 public:
  Evaluator(std::string_view text, const ExpressionScope& scope) : scope_(scope), lexer_(text) { advance(); }

  ConfigValue whole() {
    ConfigValue value = conditional(true);
    if (current_.kind != Token::Kind::end) unsupported();
    return value;
  }

 private:
  void advance() { current_ = lexer_.next(); }
  bool is(std::string_view text) const {
    return (current_.kind == Token::Kind::symbol || current_.kind == Token::Kind::name) && current_.text == text;
  }
  bool accept(std::string_view text) {
    if (!is(text)) return false;
    advance();
    return true;
  }
  void expect(std::string_view text) {
    if (!accept(text)) unsupported();
  }
  [[noreturn]] void unsupported() const {
    fail(Code::unimplemented, "'", current_.text, "' at ", current_.at, " is not supported; ", expression_help());
  }

  /// x [if c else y]. x stands before the condition, so it is evaluated by going back to its place once the condition
  /// is known.
  ConfigValue conditional(bool live) {
    if (++nesting_ > max_nesting) fail(Code::invalid_argument, "nested deeper than ", max_nesting, " levels");
    const ExpressionLexer start = lexer_;
    const Token first = current_;
    disjunction(false);
    const bool is_choice = is("if");
    bool take_first = true;
    ExpressionLexer after = lexer_;
    Token after_token = current_;
    ConfigValue other;
    if (is_choice) {
      advance();
      take_first = truth(disjunction(live));
      expect("else");
      other = conditional(live && !take_first);
      after = lexer_;
      after_token = current_;
    }
    if (live && take_first) {
      lexer_ = start;
      current_ = first;
      other = disjunction(true);
    }
    lexer_ = after;
    current_ = after_token;
    --nesting_;
    return other;
  }

  ConfigValue disjunction(bool live) {
    ConfigValue left = conjunction(live);
    while (accept("or")) {
      const bool decided = truth(left);
      ConfigValue right = conjunction(live && !decided);
      if (!decided) left = std::move(right);
    }
    return left;
  }

  ConfigValue conjunction(bool live) {
    ConfigValue left = negation(live);
    while (accept("and")) {
      const bool decided = !truth(left);
      ConfigValue right = negation(live && !decided);
      if (!decided) left = std::move(right);
    }
    return left;
  }

  ConfigValue negation(bool live) {
    bool negate = false, any = false;
    while (accept("not")) {
      negate = !negate;
      any = true;
    }
    ConfigValue value = sum(live);
    return any ? ConfigValue{truth(value) != negate} : value;
  }

  ConfigValue sum(bool live) {
    ConfigValue left = primary(live);
    while (accept("+")) {
      const ConfigValue right = primary(live);
      if (live) left = add(left, right);
    }
    return left;
  }

  ConfigValue primary(bool live) {
    const Token token = current_;
    switch (token.kind) {
      case Token::Kind::text: advance(); return {token.text};
      case Token::Kind::number: advance(); return number(token.text);
      case Token::Kind::reference: advance(); return live ? scope_.reference(token.text) : ConfigValue{};
      case Token::Kind::name: return named(token.text, live);
      case Token::Kind::symbol:
        if (accept("-")) return number(expect_number().insert(0, 1, '-'));
        if (accept("[")) return list(live);
        if (accept("(")) {
          ConfigValue value = conditional(live);
          expect(")");
          return value;
        }
        break;
      case Token::Kind::end: break;
    }
    unsupported();
  }

  std::string expect_number() {
    if (current_.kind != Token::Kind::number) unsupported();
    std::string text = current_.text;
    advance();
    return text;
  }

  static ConfigValue number(const std::string& text) {
    const char* end = text.data() + text.size();
    std::int64_t whole = 0;
    if (const auto read = std::from_chars(text.data(), end, whole); read.ec == std::errc{} && read.ptr == end)
      return {whole};
    double real = 0;
    if (const auto read = std::from_chars(text.data(), end, real); read.ec == std::errc{} && read.ptr == end)
      return {real};
    fail(Code::invalid_argument, "'", text, "' is not a number");
  }

  ConfigValue list(bool live) {
    ConfigList items;
    while (!accept("]")) {
      items.push_back(conditional(live));
      if (!is("]")) expect(",");
    }
    return {std::move(items)};
  }

  ConfigValue named(const std::string& name, bool live) {
    if (name == "None") return advance(), ConfigValue{};
    if (name == "True" || name == "False") return advance(), ConfigValue{name == "True"};
    if (is_dtype(name)) return advance(), ConfigValue{PythonName{name}};
    if (name == "torch.cuda.is_available") {
      advance();
      expect("(");
      expect(")");
      return {scope_.cuda_available};
    }
    if (name == "len") return call_len(live);
    if (name == "torch.device") return call_device(live);
    if (name == "copy.deepcopy") return advance(), argument(live);  // Values are never changed, so one copy does.
    unsupported();
  }

  ConfigValue argument(bool live) {
    expect("(");
    ConfigValue value = conditional(live);
    expect(")");
    return value;
  }

  ConfigValue call_len(bool live) {
    advance();
    const ConfigValue value = argument(live);
    if (!live) return {};
    if (const auto* text = value.as<std::string>()) return {static_cast<std::int64_t>(text->size())};
    if (const auto* items = value.as<ConfigList>()) return {static_cast<std::int64_t>(items->size())};
    if (const auto* map = value.as<ConfigMap>()) return {static_cast<std::int64_t>(map->size())};
    fail(Code::invalid_argument, "len(", to_text(value), "): neither a list, a map nor a string");
  }

  ConfigValue call_device(bool live) {
    advance();
    const ConfigValue value = argument(live);
    if (!live) return {};
    const auto* text = value.as<std::string>();
    if (!text) fail(Code::invalid_argument, "torch.device(", to_text(value), "): expected a string");
    return {PythonName{"torch.device('" + *text + "')"}};
  }

  const ExpressionScope& scope_;
  ExpressionLexer lexer_;
  Token current_;
  int nesting_ = 0;
};

/// A whole expression that is a function: it is kept as its text, for whoever knows the function by it.
bool is_lambda(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\n\r");
  return start != std::string_view::npos && text.substr(start).starts_with("lambda ");
}

}  // namespace

ConfigValue evaluate_expression(std::string_view text, const ExpressionScope& scope) {
  if (is_lambda(text)) return {PythonName{std::string(text.substr(text.find("lambda")))}};
  return Evaluator(text, scope).whole();
}

std::string_view expression_help() {
  return "expressions may hold references, numbers, strings, lists, True, False, None, +, not, and, or, X if C else Y, "
         "len(), "
         "types of torch and numpy, torch.device(), torch.cuda.is_available() and copy.deepcopy()";
}

}  // namespace voxd
