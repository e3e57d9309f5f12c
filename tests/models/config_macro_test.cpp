#include <map>

#include "models/config.h"
#include "tests/models/fixtures.h"
#include "tests/support/catch.h"

namespace config_macro_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

using Files = std::map<std::string, std::string>;

Config json(const std::string& text, const std::string& name = "test.json") {
  return Config::parse(text, Config::Format::json, name);
}

/// The text with its macros replaced, the other files being these.
Config expanded(const std::string& text, const Files& files = {}) {
  return json(text).expand_macros([&](const std::string& name) {
    const auto file = files.find(name);
    if (file == files.end()) fail(Code::not_found, "there is no file '", name, "'");
    return json(file->second, name);
  });
}

std::string resolved(const Config& config, const std::string& id) { return to_text(config.resolve(id)); }

}  // namespace

TEST_CASE("a macro is a copy of another place of the file", "[config][macro]") {
  const Config config =
      expanded(R"({"sizes": [96, 96, 96], "a": "%sizes", "b": {"c": "%sizes::1"}, "old": "%sizes#2"})");
  CHECK(resolved(config, "a") == "[96, 96, 96]");
  CHECK(resolved(config, "a::2") == "96");
  CHECK(resolved(config, "b") == "{'c': 96}");
  CHECK(resolved(config, "old") == "96");
}

TEST_CASE("a macro takes a place of another file, or all of it", "[config][macro]") {
  const Files files{{"common.json", R"({"net": {"_target_": "UNet", "channels": "@width"}, "k": 3})"},
                    {"configs/Some.YAML.json", R"({"k": 4})"}};
  const Config config = expanded(R"({"width": 8, "net": "%common.json::net", "all": "%common.json",
    "odd": "%configs/Some.YAML.json::k"})",
                                 files);
  CHECK(resolved(config, "net") == "@net");
  CHECK(resolved(config, "net::channels") == "8");
  CHECK(resolved(config, "all::k") == "3");
  CHECK(resolved(config, "odd") == "4");
}

TEST_CASE("a component that a macro copies is a component of its own", "[config][macro]") {
  const Config config = expanded(R"({"a": {"_target_": "X", "p": 1}, "list": ["%a", "@a"]})");
  CHECK(resolved(config, "list") == "[@list::0, @a]");
}

TEST_CASE("relative references of a copy count from where it was taken", "[config][macro]") {
  const Config config =
      expanded(R"({"a": {"x": 1, "y": "@::x", "z": "$@::x + @::::top"}, "top": 5, "far": {"down": "%a"},
    "pair": [7, "%::0"]})");
  CHECK(resolved(config, "far::down::y") == "1");
  CHECK(resolved(config, "far::down::z") == "6");
  CHECK(resolved(config, "pair") == "[7, 7]");
}

TEST_CASE("macros are replaced once, in the file's order", "[config][macro]") {
  SECTION("what is replaced already is copied as it is then") {
    CHECK(resolved(expanded(R"({"b": "%c", "a": "%b", "c": 1})"), "a") == "1");
  }
  SECTION("what is replaced later is copied as a macro and refused") {
    const Config config = expanded(R"({"a": "%b", "b": "%c", "c": 1})");
    CHECK_THAT(message_of([&] { config.resolve("a"); }),
               Contains("test.json: a: \"%c\"") && Contains("macros are replaced once only"));
    CHECK(resolved(config, "b") == "1");
  }
}

TEST_CASE("a macro that cannot be replaced is refused where it is used, with the reason", "[config][macro]") {
  const Config config =
      expanded(R"({"gone": "%nowhere", "file": "%none.json::a", "part": "%there.json::a::9", "high": "%::::x",
    "fine": 1})",
               {{"there.json", R"({"a": [1]})"}});
  CHECK(resolved(config, "fine") == "1");
  const auto message = [&](const char* id) { return message_of([&] { config.resolve(id); }); };
  CHECK(message("gone") == "test.json: gone: \"%nowhere\": there is no 'nowhere'");
  CHECK(message("file") == "test.json: file: \"%none.json::a\": there is no file 'none.json'");
  CHECK(message("part") == "test.json: part: \"%there.json::a::9\": there is no 'a::9' in there.json");
  CHECK_THAT(message("high"), Contains("test.json: high: \"%::::x\": goes up 2 levels"));
}

TEST_CASE("macros cannot make a config of any size or depth", "[config][macro]") {
  SECTION("values") {
    std::string text = R"({"a0": [1, 1, 1, 1])";
    for (int i = 1; i < 40; ++i) {
      const std::string before = "\"%a" + std::to_string(i - 1) + "\"";
      text += ", \"a" + std::to_string(i) + "\": [" + before + ", " + before + "]";
    }
    CHECK_THAT(message_of([&] { expanded(text + "}"); }), Contains("macros make more than 200000 values"));
  }
  SECTION("depth") {
    std::string text = R"({"a0": [1])";
    for (int i = 1; i < 100; ++i) text += ", \"a" + std::to_string(i) + "\": [\"%a" + std::to_string(i - 1) + "\"]";
    CHECK_THAT(message_of([&] { expanded(text + "}"); }), Contains("deeper than 64 levels"));
  }
  SECTION("files") {
    Files files;
    std::string text = "{";
    for (int i = 0; i < 70; ++i) {
      const std::string name = "f" + std::to_string(i) + ".json";
      files[name] = "{}";
      text += (i ? ", \"" : "\"") + name + "\": \"%" + name + "\"";
    }
    const Config config = expanded(text + "}", files);
    CHECK_THAT(message_of([&] { config.resolve("f69.json"); }), Contains("more than 64 other files are named"));
  }
}

}  // namespace config_macro_test
