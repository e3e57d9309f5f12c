// Writes small TorchScript networks into a folder: make_networks FOLDER. Each is a file that tests put into bundles.

#include <torch/script.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace {

struct Source {
  const char* name;
  const char* code;
};

constexpr Source networks[] = {
    // Argmax of its answer is whether a voxel is above one half.
    {"threshold", R"(
def forward(self, x):
  return torch.cat([torch.full_like(x, 0.5), x], 1)
)"},
};

void write(const std::filesystem::path& folder, const Source& source) {
  torch::jit::Module network("Network");
  network.register_attribute("training", c10::BoolType::get(), false);
  network.define(source.code);
  network.save((folder / (std::string(source.name) + ".ts")).string());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_networks FOLDER\n");
    return 2;
  }
  try {
    std::filesystem::create_directories(argv[1]);
    for (const Source& source : networks) write(argv[1], source);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_networks: %s\n", error.what());
    return 1;
  }
}
