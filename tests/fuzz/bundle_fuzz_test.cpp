#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace voxd::bundle_fuzz_test {
namespace {

void run(const std::string& text) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

std::string file_text(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The example bundles' files, and what the language has beside.
std::vector<std::string> seeds() {
  std::vector<std::string> texts = {
      R"({"a": "@b", "b": "@a", "preprocessing": {"_target_": "Compose", "transforms": "@a"}})",
      R"({"n": 2, "preprocessing": {"_target_": "Compose", "transforms": ["@x", {"_target_": "Resized", "keys": "image", "spatial_size": "$[@n + 1, 3, 4] if True else [1]"}]}, "x": {"_target_": "LoadImaged", "keys": "image", "_disabled_": "$not @n"}})",
      R"x({"postprocessing": {"_target_": "Compose", "transforms": [{"_target_": "Lambdad", "keys": "pred", "func": "$lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, 0))"}, {"_target_": "Activationsd", "keys": "pred", "sigmoid": "True"}]}})x",
      "# yaml\nroi: [96, 96, 96]\npreprocessing:\n  _target_: Compose\n  transforms:\n  - _target_: Spacingd\n    keys: "
      "[image]\n    pixdim: [1.5, 1.5, 2.0]\n    mode: [bilinear]\ninferer:\n  _target_: SlidingWindowInferer\n  "
      "roi_size: '@roi'\n  overlap: 0.5\n",
      "# yaml\na: &a [*a]\nb: *a\n",
      R"({"inputs": [{"name": "I", "key": "image", "datatype": "FP32", "shape": [-1, 3]}], "fuse": false, "sha256": "x"})",
};
for (const auto& entry : std::filesystem::recursive_directory_iterator(VOXD_SOURCE_DIR "/models/zoo"))
  if (entry.path().extension() == ".json") texts.push_back(file_text(entry.path()));
return texts;
}

TEST_CASE("the fuzz target of the bundle reader holds on its seeds, cut at every byte and damaged", "[fuzz][bundle]") {
  const std::vector<std::string> texts = seeds();
  REQUIRE(texts.size() > 8);
  const unsigned seed = Catch::rngSeed() != 0 ? Catch::rngSeed() : std::random_device{}();
  INFO("seed " << seed << " (--rng-seed " << seed << " repeats it)");
  std::mt19937 random(seed);
  for (const std::string& text : texts) {
    run(text);
    for (std::size_t end = 0; end < text.size(); ++end) run(text.substr(0, end));
    for (int round = 0; round < 300; ++round) {
      std::string damaged = text;
      for (unsigned i = 0; i < 1 + random() % 3; ++i)
        damaged[random() % damaged.size()] =
            random() % 2 ? static_cast<char>(random()) : "\"[]{}@$#:,0-"[random() % 12];
      run(damaged);
    }
  }
}

}  // namespace
}  // namespace voxd::bundle_fuzz_test
