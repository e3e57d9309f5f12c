#include "models/config_expression.h"

#include <map>

#include "tests/models/fixtures.h"
#include "tests/support/catch.h"

namespace config_expression_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

ExpressionScope scope_with(std::map<std::string, ConfigValue> values, bool cuda = false) {
  ExpressionScope scope;
  scope.reference = [values = std::move(values)](std::string_view id) -> ConfigValue {
    const auto found = values.find(std::string(id));
    if (found == values.end()) fail(Code::invalid_argument, "there is no '", id, "'");
    return found->second;
  };
  scope.cuda_available = cuda;
  return scope;
}

const ExpressionScope& scope() {
  static const ExpressionScope values =
      scope_with({{"root", {std::string(".")}},
                  {"n", {std::int64_t{3}}},
                  {"high", {true}},
                  {"low", {false}},
                  {"a::b::0", {2.5}},
                  {"a#b#0", {2.5}},
                  {"names", {ConfigMap{{"spleen", {std::int64_t{1}}}, {"background", {std::int64_t{0}}}}}},
                  {"list", {ConfigList{{std::int64_t{1}}, {std::int64_t{2}}}}}});
  return values;
}

std::string result(const std::string& text) { return to_text(evaluate_expression(text, scope())); }
std::string refusal(const std::string& text) {
  return message_of([&] { evaluate_expression(text, scope()); });
}

}  // namespace

TEST_CASE("literals are what Python makes of them", "[expression]") {
  CHECK(result("1") == "1");
  CHECK(result("-2") == "-2");
  CHECK(result("1.5e-3") == "0.0015");
  CHECK(result("'a b'") == "'a b'");
  CHECK(result("\"it's\"") == "'it's'");
  CHECK(result("[1, 'x', [True, None], ]") == "[1, 'x', [True, None]]");
  CHECK(result("[]") == "[]");
  CHECK(result("((3))") == "3");
}

TEST_CASE("references and sums are evaluated", "[expression]") {
  CHECK(result("@root + '/eval'") == "'./eval'");
  CHECK(result("@list + [3] + @list") == "[1, 2, 3, 1, 2]");
  CHECK(result("@n + 1 + True") == "5");
  CHECK(result("@a::b::0 + 1") == "3.5");
  CHECK(result("@a#b#0") == "2.5");
  CHECK(result("len(@names) + @n") == "5");
  CHECK(result("len('abc')") == "3");
  CHECK(result("copy.deepcopy(@list)") == "[1, 2]");
}

TEST_CASE("a conditional evaluates one branch only", "[expression]") {
  CHECK(result("[1.5, 1.5, 1.5] if @high else [3.0, 3.0, 3.0]") == "[1.5, 1.5, 1.5]");
  CHECK(result("[1.5, 1.5, 1.5] if @low else [3.0, 3.0, 3.0]") == "[3, 3, 3]");
  CHECK(result("@nowhere if @low else 1") == "1");
  CHECK(result("1 if @high else @nowhere") == "1");
  CHECK(result("'a' if @low else 'b' if @low else 'c'") == "'c'");
  CHECK(result("@high or @nowhere") == "True");
  CHECK(result("@low and @nowhere") == "False");
  CHECK(result("not @low") == "True");
  CHECK(result("not not @n") == "True");
  CHECK(result("'' or 'fallback'") == "'fallback'");
}

TEST_CASE("types, devices and the presence of CUDA are known by name", "[expression]") {
  CHECK(result("torch.float32") == "torch.float32");
  CHECK(result("numpy.int16") == "numpy.int16");
  CHECK(result("torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')") == "torch.device('cpu')");
  CHECK(to_text(evaluate_expression("'cuda:0' if torch.cuda.is_available() else 'cpu'", scope_with({}, true))) ==
        "'cuda:0'");
}

TEST_CASE("a function is its text", "[expression]") {
  CHECK(result(" lambda x: x[1:]") == "lambda x: x[1:]");
  CHECK(result("lambda x: os.system('x')") == "lambda x: os.system('x')");
}

TEST_CASE("what is not in the subset is refused by its text", "[expression]") {
  CHECK_THAT(refusal("os.system('x')"),
             Contains("'os.system' at 0 is not supported") && Contains("expressions may hold"));
  CHECK_THAT(refusal("1.0 - float(@n)"), Contains("'-' at 4 is not supported"));
  CHECK_THAT(refusal("[lambda x: x]"), Contains("'lambda' at 1 is not supported"));
  CHECK_THAT(refusal("@root.to(@device)"), Contains("is not supported"));
  CHECK_THAT(refusal("[i for i in @list]"), Contains("'i' at 1 is not supported"));
  CHECK_THAT(refusal("import os"), Contains("'import' at 0"));
  CHECK_THAT(refusal("__import__('os')"), Contains("'__import__' at 0"));
  CHECK_THAT(refusal("1 if True"), Contains("'end of the expression'"));
  CHECK_THAT(refusal(""), Contains("'end of the expression' at 0"));
  CHECK_THAT(refusal("'a\\x'"), Contains("'\\' in the string at 0"));
  CHECK_THAT(refusal("'open"), Contains("the string at 0 has no end"));
  CHECK_THAT(refusal("1 2"), Contains("'2' at 2"));
  CHECK_THAT(refusal("torch.float33"), Contains("'torch.float33' at 0"));
  CHECK(code_of([] { evaluate_expression("os.system('x') ", scope()); }) == "unimplemented");
}

TEST_CASE("operands that do not go together are refused", "[expression]") {
  CHECK_THAT(refusal("1 + 'a'"), Contains("1 + 'a': operands that cannot be added"));
  CHECK_THAT(refusal("len(3)"), Contains("len(3)"));
  CHECK_THAT(refusal("9223372036854775807 + 1"), Contains("does not fit 63 bits"));
  CHECK_THAT(refusal("99999999999999999999999999"), !Contains("not a number"));
  CHECK_THAT(refusal("torch.device(1)"), Contains("expected a string"));
  CHECK_THAT(refusal("@nowhere"), Contains("there is no 'nowhere'"));
}

TEST_CASE("nesting in an expression is limited", "[expression]") {
  CHECK(result(std::string(20, '(') + "1" + std::string(20, ')')) == "1");
  CHECK_THAT(refusal(std::string(5000, '(') + "1" + std::string(5000, ')')), Contains("nested deeper than 64"));
  CHECK_THAT(refusal(std::string(5000, '[')), Contains("nested deeper than 64"));
  std::string conditionals;
  for (int i = 0; i < 500; ++i) conditionals += "1 if False else ";
  CHECK_THAT(refusal(conditionals + "2"), Contains("nested deeper than 64"));
}

TEST_CASE("an expression cut short or changed at any byte is evaluated or refused, never worse", "[expression]") {
  const std::string text =
      "[1.5, len(@names)] + @list if not @low and torch.cuda.is_available() else torch.device('cpu' + \"x\")";
  for (std::size_t n = 0; n < text.size(); ++n) {
    CAPTURE(n);
    std::string changed = text;
    changed[n] = static_cast<char>(changed[n] ^ 0x15);
    for (const std::string& candidate : {text.substr(0, n), changed}) {
      const std::string code = code_of([&] { evaluate_expression(candidate, scope()); });
      CHECK((code == "none" || code == "unimplemented" || code == "invalid_argument"));
    }
  }
}

}  // namespace config_expression_test
