#include <cstring>
#include <fstream>
#include <iostream>
#include <thread>

#include "models/network.h"
#include "tests/models/fixtures.h"
#include "tests/support/catch.h"

namespace torch_network_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

const std::filesystem::path network_file = std::string(VOXD_SOURCE_DIR) + "/models/zoo/spleen_seg/models/model.ts";

std::shared_ptr<const Network> load(const Int3& warm_up_size = {32, 32, 32}) {
  configure_torch(VOXD_TORCH_THREADS);
  return load_torchscript(network_file, {1, warm_up_size, -1});
}

std::vector<float> run(const Network& network, const HostVolume& image, Rig& rig) {
  const DeviceVolume input = upload(image, rig.workspace);
  const DeviceVolume output = network.forward(input, rig.context);
  const HostVolume result = download(output, rig.workspace);
  rig.stream->synchronize();
  const auto values = result.as<float>();
  return {values.begin(), values.end()};
}

HostVolume waves(const Int3& size) {
  return volume_of<float>(size,
                          [](int x, int y, int z) { return static_cast<float>((x * 5 + y * 3 + z * 7) % 17) / 17.0f; });
}

}  // namespace

TEST_CASE("a TorchScript file loads, tells its channels, and answers with the input's affine", "[torch]") {
  const auto network = load();
  CHECK(network->output_channels() == 2);
  Rig rig;
  HostVolume image = waves({48, 32, 16});
  image.geometry.affine[0][3] = 7;
  const DeviceVolume output = network->forward(upload(image, rig.workspace), rig.context);
  CHECK(output.channels() == 2);
  CHECK(output.geometry() == image.geometry);
  CHECK(torch_version() == "2.11.0");
}

TEST_CASE("one network serves several threads and shapes at once, each with its own answer", "[torch]") {
  const auto network = load();
  const std::vector<Int3> sizes{{32, 32, 32}, {48, 32, 16}, {16, 64, 32}, {32, 32, 32}};
  std::vector<std::vector<float>> alone, together(sizes.size());
  for (const Int3& size : sizes) {
    Rig rig;
    alone.push_back(run(*network, waves(size), rig));
  }
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    threads.emplace_back([&, i] {
      set_torch_threads(1);
      Rig rig;
      together[i] = run(*network, waves(sizes[i]), rig);
    });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    REQUIRE(together[i].size() == alone[i].size());
    float largest = 0;
    for (std::size_t j = 0; j < alone[i].size(); ++j)
      largest = std::max(largest, std::abs(alone[i][j] - together[i][j]));
    CHECK(largest < 1e-4f);
  }
}

TEST_CASE("the same input gives the same bytes, and a deferred stream changes nothing", "[torch]") {
  const auto network = load();
  Rig first, second(make_deferred_stream(), 0, true);
  const auto a = run(*network, waves({32, 32, 32}), first);
  const auto b = run(*network, waves({32, 32, 32}), second);
  REQUIRE(a.size() == b.size());
  CHECK(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

TEST_CASE("a batch gives what its inputs give one by one", "[torch]") {
  configure_torch(VOXD_TORCH_THREADS);
  const auto network = load_torchscript(network_file, {1, {32, 32, 32}, -1, 3});
  Rig rig;
  HostVolume batch = make_host_volume(DType::f32, 3, {{16, 32, 48}, identity_affine()});
  std::vector<float> one_by_one;
  for (int n = 0; n < 3; ++n) {
    HostVolume image = waves({16, 32, 48});
    for (float& value : image.as<float>()) value *= static_cast<float>(n + 1);
    std::copy(image.as<float>().begin(), image.as<float>().end(), batch.as<float>().begin() + n * image.count());
    const std::vector<float> answer = run(*network, image, rig);
    one_by_one.insert(one_by_one.end(), answer.begin(), answer.end());
  }
  const DeviceVolume output = network->forward_batch(upload(batch, rig.workspace), 3, rig.context);
  CHECK(output.channels() == 6);
  CHECK(network->output_channels() == 2);
  const HostVolume together = download(output, rig.workspace);
  rig.stream->synchronize();
  REQUIRE(together.as<float>().size() == one_by_one.size());
  float largest = 0;
  for (std::size_t i = 0; i < one_by_one.size(); ++i)
    largest = std::max(largest, std::abs(together.as<float>()[i] - one_by_one[i]));
  CHECK(largest < 1e-4f);
  // What a batch was measured to need is stated for one of its inputs.
  CHECK(network->peak_bytes(1, {32, 32, 32}) < 2 * load()->peak_bytes(1, {32, 32, 32}));
  CHECK(code_of([&] { network->forward_batch(upload(batch, rig.workspace), 2, rig.context); }) == "another");
}

TEST_CASE("an input that the network cannot take is refused with its first line of reason", "[torch]") {
  const auto network = load();
  Rig rig;
  const DeviceVolume odd = upload(waves({17, 16, 16}), rig.workspace);
  const std::string message = message_of([&] { network->forward(odd, rig.context); });
  CHECK_THAT(message, Contains("the network refuses an input of [1, 1, 17, 16, 16]: ") && Contains("ize"));
  CHECK(message.find('\n') == std::string::npos);
  CHECK(code_of([&] { network->forward(odd, rig.context); }) == "invalid_argument");
  CHECK_NOTHROW(run(*network, waves({16, 16, 16}), rig));
}

TEST_CASE("files that are no network are refused in one line, cut short at any of many places", "[torch]") {
  const TemporaryFolder folder;
  CHECK(code_of([&] { load_torchscript(folder.path() / "none.ts", {}); }) == "not_found");
  CHECK(code_of([&] { load_torchscript(folder.path(), {}); }) == "not_found");
  const std::string whole = read_file(network_file);
  for (std::size_t n = 0; n < whole.size(); n = n * 3 + 1) {
    CAPTURE(n);
    const auto file = folder.write("cut.ts", std::string_view(whole).substr(0, n));
    const std::string message = message_of([&] { load_torchscript(file, {1, {16, 16, 16}, -1}); });
    CHECK_THAT(message, Contains("cannot be loaded as TorchScript: "));
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("the memory that a network states grows with the voxels", "[torch]") {
  const auto network = load({64, 64, 64});
  const std::int64_t small = network->peak_bytes(1, {64, 64, 64});
  // Two output channels, and at least eight channels on the grid of half the size.
  CHECK(small >= std::int64_t{64} * 64 * 64 * 4 * 3);
  const std::int64_t large = network->peak_bytes(1, {128, 64, 64});
  const auto weights = static_cast<std::int64_t>(std::filesystem::file_size(network_file));
  CHECK(large - weights == 2 * (small - weights));
  std::cout << "spleen_seg network: " << small / (64 * 64 * 64) << " bytes per voxel\n";
}

TEST_CASE("in a build or on a machine without CUDA a network on a device is refused", "[torch]") {
  if (cuda_device_count() > 0) return;
  const std::string code = code_of([&] { load_torchscript(network_file, {1, {16, 16, 16}, 0}); });
  CHECK(code != "none");
}

}  // namespace torch_network_test
