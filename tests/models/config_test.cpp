#include "models/config.h"

#include <sstream>

#include "tests/models/fixtures.h"
#include "tests/support/catch.h"

namespace config_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

Config json(const std::string& text) { return Config::parse(text, Config::Format::json, "test.json"); }
Config yaml(const std::string& text) { return Config::parse(text, Config::Format::yaml, "test.yaml"); }
/// The parts one after the other.
template <class... Parts>
std::string joined(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

std::string resolved(const Config& config, const std::string& id) { return to_text(config.resolve(id)); }

constexpr const char* small_config = R"({
  "name": "image", "sizes": [1, -2.5, 3e2], "nested": {"on": true, "off": null, "text": "a\u00e9\n"},
  "ref": "@nested::text", "sum": "$@name + '_seg'",
  "chain": {"_target_": "Compose", "transforms": [{"_target_": "LoadImaged", "keys": "@name"}]}
})";

}  // namespace

TEST_CASE("values of a JSON file arrive with their types", "[config]") {
  const Config config = json(small_config);
  CHECK(resolved(config, "name") == "'image'");
  CHECK(resolved(config, "sizes") == "[1, -2.5, 300]");
  CHECK(resolved(config, "nested::on") == "True");
  CHECK(resolved(config, "nested::off") == "None");
  CHECK(resolved(config, "sizes::1") == "-2.5");
  CHECK(resolved(config, "sum") == "'image_seg'");
}

TEST_CASE("a config cut short at any byte is refused, in JSON", "[config]") {
  const std::string text = small_config;
  for (std::size_t n = 0; n < text.size(); ++n) {
    CAPTURE(n);
    CHECK(code_of([&] { json(text.substr(0, n)); }) == "invalid_argument");
  }
}

TEST_CASE("a YAML config cut short at any byte is read or refused, never worse", "[config]") {
  const std::string text =
      "---\nname: \"image\"\nlist:\n- {_target_: LoadImaged, keys: '@name'}\n- [1, 2.5, yes]\nmap: &anchor\n  a: |\n   "
      " text\nother: *anchor\n";
  CHECK(resolved(yaml(text), "list::1") == "[1, 2.5, True]");
  for (std::size_t n = 0; n < text.size(); ++n) {
    CAPTURE(n);
    const std::string code = code_of([&] { yaml(text.substr(0, n)); });
    CHECK((code == "none" || code == "invalid_argument"));
  }
}

TEST_CASE("plain YAML scalars mean what they mean to MONAI's reader, quoted ones are strings", "[config]") {
  const Config config = yaml(R"(
int: 12
negative: -3
real: 0.625
power: 1.0e+3
not_a_number: 1e3
yes: yes
off: off
null_word: null
tilde: ~
empty:
quoted_int: "12"
quoted_yes: 'yes'
word: RAS
infinite: -.inf
)");
  CHECK(resolved(config, "int") == "12");
  CHECK(resolved(config, "negative") == "-3");
  CHECK(resolved(config, "real") == "0.625");
  CHECK(resolved(config, "power") == "1000");
  CHECK(resolved(config, "not_a_number") == "'1e3'");
  CHECK(resolved(config, "yes") == "True");
  CHECK(resolved(config, "off") == "False");
  CHECK(resolved(config, "null_word") == "None");
  CHECK(resolved(config, "tilde") == "None");
  CHECK(resolved(config, "empty") == "None");
  CHECK(resolved(config, "quoted_int") == "'12'");
  CHECK(resolved(config, "quoted_yes") == "'yes'");
  CHECK(resolved(config, "word") == "'RAS'");
  CHECK(resolved(config, "infinite") == "-inf");
}

TEST_CASE("references are followed in both notations and from inside", "[config]") {
  const Config config = json(R"({
    "a": {"b": [10, 20], "same": "@::b", "up": {"x": "@::::b#1", "y": "@::x"}},
    "new": "@a::b::1", "old": "@a#b#0", "chain": "@new", "mail": "someone@site", "sentence": "@a and more"
  })");
  CHECK(resolved(config, "new") == "20");
  CHECK(resolved(config, "old") == "10");
  CHECK(resolved(config, "chain") == "20");
  CHECK(resolved(config, "a::same") == "[10, 20]");
  CHECK(resolved(config, "a::up::x") == "20");
  CHECK(resolved(config, "a::up::y") == "20");
  CHECK(resolved(config, "mail") == "'someone@site'");
  CHECK(resolved(config, "sentence") == "'@a and more'");
}

TEST_CASE("nothing is evaluated that is not asked for", "[config]") {
  const Config config = json(R"({"bad": "$os.system('x') ", "loop": "@loop", "missing": "@nowhere", "good": 1,
    "transform": {"_target_": "X", "bad": "$os.system('x') "}, "ref": "@transform"})");
  CHECK(resolved(config, "good") == "1");
  CHECK(resolved(config, "ref") == "@transform");
  CHECK(code_of([&] { config.resolve("bad"); }) == "unimplemented");
}

TEST_CASE("a cycle of references is refused with its place", "[config]") {
  const Config config = json(R"({"a": "@b", "b": "$@c + 1", "c": ["@a"], "self": "@self"})");
  CHECK_THAT(message_of([&] { config.resolve("a"); }),
             Contains("test.json: c[0]: \"@a\"") && Contains("refers to itself"));
  CHECK_THAT(message_of([&] { config.resolve("self"); }),
             Contains("test.json: self: \"@self\"") && Contains("refers to itself"));
  CHECK(code_of([&] { config.resolve("a"); }) == "invalid_argument");
}

TEST_CASE("an unknown reference is refused with the place that holds it", "[config]") {
  const Config config =
      json(R"({"a": {"b": "@x::y"}, "list": [1], "past": "@list::1", "into": "@a::b::c", "above": "@::::::x"})");
  CHECK_THAT(message_of([&] { config.resolve("a"); }), Contains("test.json: a.b: \"@x::y\": there is no 'x::y'"));
  CHECK_THAT(message_of([&] { config.resolve("past"); }), Contains("there is no 'list::1'"));
  CHECK_THAT(message_of([&] { config.resolve("into"); }), Contains("there is no 'a::b::c'"));
  CHECK_THAT(message_of([&] { config.resolve("above"); }), Contains("goes up 3 levels"));
  CHECK_THAT(message_of([&] { config.resolve("nothing"); }),
             Contains("test.json") && Contains("there is no 'nothing'"));
}

TEST_CASE("nesting is limited, in the file and in references", "[config]") {
  const std::string deep = R"({"a": )" + std::string(100, '[') + std::string(100, ']') + "}";
  CHECK_THAT(message_of([&] { json(deep); }), Contains("nested deeper than 64 levels"));
  CHECK_THAT(message_of([&] { yaml("a: " + std::string(100, '[') + std::string(100, ']')); }),
             Contains("nested deeper than 64 levels"));
  std::string chain = R"({"r0": 1)";
  for (int i = 1; i < 100; ++i) chain += joined(", \"r", i, "\": \"@r", i - 1, "\"");
  const Config config = json(chain + "}");
  CHECK(resolved(config, "r50") == "1");
  CHECK_THAT(message_of([&] { config.resolve("r99"); }), Contains("nested deeper than 64 levels"));
}

TEST_CASE("references that multiply are stopped before they fill the memory", "[config]") {
  std::string bomb = R"({"r0": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1])";
  for (int i = 1; i < 30; ++i) {
    const std::string below = joined("\"@r", i - 1, "\"");
    bomb += joined(", \"r", i, "\": [", below, ", ", below, ", ", below, ", ", below, "]");
  }
  std::string doubling = R"({"s0": "xxxxxxxxxxxxxxxx")";
  for (int i = 1; i < 40; ++i) {
    doubling += joined(", \"s", i, "\": \"$@s", i - 1, " + @s", i - 1, "\"");
  }
  CHECK_THAT(message_of([&] { json(bomb + "}").resolve("r29"); }), Contains("more than 200000 values"));
  CHECK_THAT(message_of([&] { json(doubling + "}").resolve("s39"); }), Contains("more than"));
  CHECK(code_of([&] { json(bomb + "}").resolve("r29"); }) == "invalid_argument");
}

TEST_CASE("YAML aliases that multiply or go in circles are stopped", "[config]") {
  std::string bomb = "r0: &r0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 20; ++i) bomb += joined("r", i, ": &r", i, " [*r", i - 1, ", *r", i - 1, ", *r", i - 1, "]\n");
  CHECK_THAT(message_of([&] { yaml(bomb); }), Contains("more than 200000 values"));
  CHECK(code_of([&] { yaml("a: &x [1, *x]"); }) == "invalid_argument");
}

TEST_CASE("a file that is not a config is refused with the reason", "[config]") {
  CHECK_THAT(message_of([&] { json("[1, 2]"); }), Contains("test.json: expected a map at the top, found [1, 2]"));
  CHECK_THAT(message_of([&] { json(R"({"a": 1, "a": 2})"); }), Contains("the name 'a' stands twice"));
  CHECK_THAT(message_of([&] { json(R"({"a": 1,})"); }), Contains("test.json: not JSON, byte"));
  CHECK_THAT(message_of([&] { json(R"({"a": 18446744073709551615})"); }), Contains("does not fit 63 bits"));
  CHECK_THAT(message_of([&] { yaml("a: [1"); }), Contains("test.yaml: not YAML, line"));
  CHECK_THAT(message_of([&] { yaml("a: 1\n---\nb: 2\n"); }), Contains("more than one YAML document"));
  CHECK_THAT(message_of([&] { yaml("base: &b {x: 1}\nd:\n  <<: *b\n"); }), Contains("only plain names"));
  CHECK(code_of([&] { json(std::string(Config::max_bytes + 1, ' ')); }) == "invalid_argument");
  CHECK(code_of([&] { Config::read("/nonexistent/inference.json", "x"); }) == "not_found");
}

TEST_CASE("disabled components vanish from lists and maps", "[config]") {
  const Config config = json(R"({"flag": true, "not_flag": "$(not @flag) ", "list": [
      {"_target_": "A", "_disabled_": "@flag"}, {"_target_": "B", "_disabled_": "@not_flag"}, {"_target_": "C", "_disabled_": "True"},
      {"_target_": "D", "_disabled_": false}],
    "map": {"gone": {"_target_": "A", "_disabled_": true}, "here": {"_target_": "B"}}, "single": {"_target_": "E", "_disabled_": true}, "odd": {"_target_": "F", "_disabled_": 3}})");
  CHECK(resolved(config, "list") == "[@list::1, @list::3]");
  CHECK(resolved(config, "map") == "{'here': @map::here}");
  CHECK(resolved(config, "single") == "None");
  CHECK_THAT(message_of([&] { config.resolve("odd"); }),
             Contains("test.json: odd._disabled_: expected true or false, found 3"));
}

TEST_CASE("paths in messages show list indices in brackets", "[config]") {
  const Config config = json(small_config);
  CHECK(config.where("chain::transforms::0::keys") == "test.json: chain.transforms[0].keys");
  CHECK(config.where("") == "test.json");
  CHECK(config.where("sizes::1") == "test.json: sizes[1]");
}

TEST_CASE("messages are plain ASCII whatever the file holds", "[config]") {
  const Config config = json(R"({"a": "$@b + \u00e9\u00e9", "b": "\u4e2d\n", "c": "@a"})");
  for (const char c : message_of([&] { config.resolve("c"); })) CHECK((c >= ' ' && c <= '~'));
  CHECK(resolved(config, "b") == joined('\'', std::string(4, '?'), '\''));
}

}  // namespace config_test
