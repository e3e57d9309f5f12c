// Writes small TorchScript networks into a folder: make_networks FOLDER. Each is a file that tests put into bundles, or
// one that is a bundle.

#include <torch/script.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace {

using ExtraFiles = torch::jit::ExtraFilesMap;

/// Argmax of its answer is whether a voxel is above one half.
constexpr const char* threshold = R"(
def forward(self, x):
  return torch.cat([torch.full_like(x, 0.5), x], 1)
)";

/// Never ends when it is run; the loop depends on the input, so that nothing of it can be worked out before.
constexpr const char* hangs = R"(
def forward(self, x):
  n = 0
  while n < x.numel():
    n = (n + 1) % x.numel()
  return x
)";

/// Never ends when it is loaded.
constexpr const char* hangs_at_load = R"(
def forward(self, x):
  return x
def __getstate__(self):
  return 7
def __setstate__(self, state: int):
  while state >= 0:
    state = (state + 1) % 7
)";

/// Writes far beyond its memory.
constexpr const char* crashes = R"(
def forward(self, x):
  ends = torch.tensor([0, 1000000000000 * x.size(0)])
  return torch._convert_indices_from_csr_to_coo(ends, torch.tensor([0, 1, 2, 3]))
)";

constexpr const char* chain = R"({
  "preprocessing": {"_target_": "Compose", "transforms": [{"_target_": "LoadImaged", "keys": "image"}, "%sizes.json::pad"]},
  "inferer": {"_target_": "SimpleInferer"},
  "postprocessing": {"_target_": "Compose", "transforms": [{"_target_": "AsDiscreted", "keys": "pred", "argmax": true}]}
})";

ExtraFiles configs() {
  return {
      {"inference.json", chain},
      {"sizes.json", R"({"pad": {"_target_": "SpatialPadd", "keys": "image", "spatial_size": [8, 8, 8]}})"},
      {"metadata.json", R"({"version": "0.4.2", "task": "Testing",
        "network_data_format": {"outputs": {"pred": {"channel_def": {"0": "background", "1": "organ"}}}}})"},
      {"serving.json", R"({"warm_up_size": [4, 4, 4], "mask": "pred"})"},
      {"notes.txt", "not read"},
  };
}

/// More of them than a bundle may have.
ExtraFiles many() {
  ExtraFiles files = configs();
  for (int i = 0; i < 100; ++i) files["more" + std::to_string(i) + ".json"] = "{}";
  return files;
}

/// One text that is larger than a config may be.
ExtraFiles huge() {
  ExtraFiles files = configs();
  files["metadata.json"] = std::string((4 << 20) + 1, ' ');
  return files;
}

void write(const std::filesystem::path& file, const char* code, const ExtraFiles& extras = {}) {
  torch::jit::Module network("Network");
  network.register_attribute("training", c10::BoolType::get(), false);
  network.define(code);
  network.save(file.string(), extras);
}

void write_all(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  write(folder / "whole.ts", threshold, configs());
  write(folder / "many.ts", threshold, many());
  write(folder / "huge.ts", threshold, huge());
  write(folder / "hangs.ts", hangs);
  write(folder / "hangs_at_load.ts", hangs_at_load);
  write(folder / "crashes.ts", crashes);
  write(folder / "threshold.ts", threshold);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_networks FOLDER\n");
    return 2;
  }
  try {
    write_all(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_networks: %s\n", error.what());
    return 1;
  }
}
