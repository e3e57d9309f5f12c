// voxctl dice: how well two masks agree.

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <memory>

#include "client/voxctl/commands.h"
#include "gpu_transforms/volume/host_volume.h"
#include "server/decode/image.h"

namespace voxd::ctl {
namespace {

struct Mask {
  std::string file;
  HostVolume volume;
};

Mask read_mask(const std::string& file) {
  if (!std::filesystem::exists(file)) fail(Code::not_found, file, ": no such file");
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file)) fail(Code::invalid_argument, file, ": cannot be read");
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  try {
    return {file, decode_image(std::as_bytes(std::span(bytes)), "", allocate_host, DecodeLimits{}).volume};
  } catch (const Error& error) {
    throw Error(error.code(), file + ": " + error.what());
  }
}

/// Two files of one image may differ in the last digits of their float affines.
bool same_place(const Affine& a, const Affine& b) {
  constexpr double tolerance_mm = 1e-3;
  for (std::size_t row = 0; row < 3; ++row)
    for (std::size_t column = 0; column < 4; ++column)
      if (!(std::abs(a[row][column] - b[row][column]) <= tolerance_mm)) return false;
  return true;
}

void require_same_grid(const Mask& a, const Mask& b) {
  const Int3 &size_a = a.volume.geometry.size, &size_b = b.volume.geometry.size;
  if (size_a != size_b)
    fail(Code::invalid_argument, "the grids differ: ", a.file, " has ", to_string(size_a), " voxels, ", b.file, " ",
         to_string(size_b));
  if (!same_place(a.volume.geometry.affine, b.volume.geometry.affine))
    fail(Code::invalid_argument, "the grids differ: the affines of ", a.file, " and ", b.file,
         " are more than 0.001 mm apart");
}

std::vector<bool> foreground(const HostVolume& volume) {
  return visit_dtype(volume.dtype, [&](auto zero) {
    const auto voxels = volume.as<decltype(zero)>();
    std::vector<bool> inside(voxels.size());
    std::transform(voxels.begin(), voxels.end(), inside.begin(), [](auto value) { return value > decltype(value){0}; });
    return inside;
  });
}

double dice(const Mask& a, const Mask& b) {
  require_same_grid(a, b);
  const std::vector<bool> in_a = foreground(a.volume), in_b = foreground(b.volume);
  std::int64_t both = 0, sum = 0;
  for (std::size_t i = 0; i < in_a.size(); ++i) {
    both += in_a[i] && in_b[i];
    sum += in_a[i] + in_b[i];
  }
  if (sum == 0)
    fail(Code::invalid_argument, "no voxel of ", a.file, " or ", b.file, " is above 0: Dice says nothing about them");
  return 2.0 * static_cast<double>(both) / static_cast<double>(sum);
}

}  // namespace

void add_dice_command(CLI::App& app) {
  auto files = std::make_shared<std::pair<std::string, std::string>>();
  CLI::App* command =
      app.add_subcommand("dice", "Compares two masks on one grid; voxels above 0 are inside. No server is needed");
  command->add_option("A", files->first, "A NIfTI file")->required();
  command->add_option("B", files->second, "Another")->required();
  command->callback([files] {
    const double agreement = dice(read_mask(files->first), read_mask(files->second));
    std::cout << "Dice " << std::fixed << std::setprecision(4) << agreement << '\n';
  });
}

}  // namespace voxd::ctl
