// resolve_config FILE ID...: what the reader makes of each id, a line each, as Python would write it or with what is
// wrong after "error: ". Macros find their files beside FILE. For tests/interop, which compares with MONAI's own
// parser.

#include <filesystem>
#include <iostream>

#include "models/config.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: resolve_config FILE ID...\n";
    return 2;
  }
  try {
    const std::filesystem::path file = argv[1];
    const voxd::Config config = voxd::Config::read(file, file.filename()).expand_macros([&](const std::string& name) {
      return voxd::Config::read(file.parent_path() / name, name);
    });
    for (int i = 2; i < argc; ++i) try {
        std::cout << voxd::to_text(config.resolve(argv[i])) << '\n';
      } catch (const voxd::Error& error) {
        std::cout << "error: " << error.what() << '\n';
      }
  } catch (const voxd::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
