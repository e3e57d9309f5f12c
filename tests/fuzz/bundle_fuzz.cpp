#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "models/config.h"
#include "models/config_id.h"
#include "models/inferer.h"
#include "models/serving.h"
#include "models/steps/step.h"

namespace {

using namespace voxd;

/// Everything but a refusal is a fault of ours.
template <class F>
void try_to(F act) {
  try {
    act();
  } catch (const Error& error) {
    if (error.code() == Code::invalid_argument || error.code() == Code::unimplemented) return;
    std::fprintf(stderr, "broken: %s\n", error.what());
    std::abort();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "broken, not an Error: %s\n", error.what());
    std::abort();
  }
}

/// Makes a step of each component that the chain names.
void make_steps(const Config& config, const char* section) {
  ConfigValue transforms;
  try_to([&] { transforms = config.resolve(child_id(section, "transforms")); });
  const auto* list = transforms.as<ConfigList>();
  if (!list) return;
  for (const ConfigValue& item : *list)
    if (const auto* component = item.as<ComponentRef>()) try_to([&] { make_step(Params(config, component->id)); });
}

}  // namespace

/// Any text is either refused with an Error, or a config of which every part is read or refused. A text that starts
/// with '#' is YAML, any other JSON.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto format = text.starts_with('#') ? Config::Format::yaml : Config::Format::json;
  try_to([&] {
    const Config config = Config::parse(text, format, "fuzz");
    for (const char* section : {"preprocessing", "postprocessing"}) make_steps(config, section);
    try_to([&] { read_inferer(config); });
    try_to([&] { read_serving(config); });
  });
  return 0;
}
