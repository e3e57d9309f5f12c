// voxctl's commands beside segment, as a shell sees them.

#include <future>
#include <nlohmann/json.hpp>

#include "tests/client/voxctl_bench.h"
#include "tests/support/nifti_builder.h"

namespace voxd::test {
namespace {

TEST_CASE("without a server the line names the address, wherever it was given", "[voxctl]") {
  const std::string address = [] { return FakeServer(echo).address(); }();
  const Bench bench;
  require_one_line(voxctl({"health", "--address", address}), 5, address);
  require_one_line(voxctl({"models"}, {.environment = {{"VOXD_ADDRESS", address}}}), 5, address);
  require_one_line(voxctl({"--address", address, "segment", bench.file, "--model", "brain"}), 5, address);
  require_one_line(voxctl({"health", "--wait", "0.1", "--address", address}), 5, "0.1 s");
}

TEST_CASE("health tells a server that serves from one that does not", "[voxctl]") {
  Bench bench;
  const Ended serving = voxctl({"health", "--address", bench.server.address()});
  CHECK(serving.code == 0);
  CHECK(serving.out == bench.server.address() + " is serving\n");
  bench.server.set_serving(false);
  require_one_line(voxctl({"health", "--address", bench.server.address()}), 5, "NOT_SERVING");
  auto waiting = std::async(std::launch::async, [&] {
    return voxctl({"health", "--wait", "20", "--address", bench.server.address()});
  });
  bench.server.set_serving(true);
  CHECK(waiting.get().code == 0);
}

TEST_CASE("models lists what the server has, for people and for programs", "[voxctl]") {
  Bench bench;
  v1::ModelInfo ready, broken;
  ready.set_name("brain");
  ready.set_version("1");
  ready.set_ready(true);
  ready.set_task("brain extraction");
  broken.set_name("spleen");
  broken.set_version("2");
  broken.set_reason("no network");
  v1::ModelInfo soft = ready;
  soft.set_name("tumour");
  soft.set_has_probabilities(true);
  bench.server.models = {ready, broken, soft};
  const Ended text = voxctl({"models", "--address", bench.server.address()});
  CHECK(text.out ==
        "brain  version 1  ready  brain extraction\nspleen  version 2  not ready: no network\n"
        "tumour  version 1  ready  brain extraction  probabilities\n");
  const auto list = nlohmann::json::parse(voxctl({"models", "--json", "--address", bench.server.address()}).out);
  REQUIRE(list.size() == 3);
  CHECK(list[0]["name"] == "brain");
  CHECK(list[0]["ready"] == true);
  CHECK(list[0]["has_probabilities"] == false);
  CHECK(list[2]["has_probabilities"] == true);
  CHECK(list[1]["reason"] == "no network");
}

/// A 4x3x2 mask with the first `inside` voxels at 1, 2, 3 ...
std::string mask_file(std::int64_t inside, DType stored = DType::u8, double shift_mm = 0) {
  test::NiftiSpec spec = test::small_nifti();
  spec.stored = stored;
  spec.srow[0][3] = shift_mm;
  for (std::size_t i = 0; i < spec.values.size(); ++i)
    spec.values[i] = static_cast<std::int64_t>(i) < inside ? static_cast<double>(i + 1) : 0;
  const auto bytes = test::nifti_bytes(spec);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST_CASE("dice counts the voxels above 0, whatever their type", "[voxctl]") {
  const TemporaryFolder folder;
  const std::string twelve = folder.write("a.nii", mask_file(12)).string();
  CHECK(voxctl({"dice", twelve, folder.write("b.nii", mask_file(6, DType::f32)).string()}).out == "Dice 0.6667\n");
  CHECK(voxctl({"dice", twelve, twelve}).out == "Dice 1.0000\n");
  CHECK(voxctl({"dice", twelve, folder.write("c.nii", mask_file(0)).string()}).out == "Dice 0.0000\n");
  CHECK(voxctl({"dice", twelve, folder.write("d.nii", mask_file(12, DType::i16, 0.0005)).string()}).out ==
        "Dice 1.0000\n");
}

TEST_CASE("dice refuses what cannot be compared", "[voxctl]") {
  const TemporaryFolder folder;
  const std::string mask = folder.write("a.nii", mask_file(12)).string();
  const std::string empty = folder.write("empty.nii", mask_file(0)).string();
  auto larger = test::NiftiSpec().ramp(5, 3, 2);
  const auto bytes = test::nifti_bytes(larger);
  const std::string other_size =
      folder.write("b.nii", {reinterpret_cast<const char*>(bytes.data()), bytes.size()}).string();
  require_one_line(voxctl({"dice", mask, other_size}), 2, "5x3x2");
  require_one_line(voxctl({"dice", mask, folder.write("c.nii", mask_file(12, DType::u8, 0.01)).string()}), 2, "affine");
  require_one_line(voxctl({"dice", empty, empty}), 2, "above 0");
  require_one_line(voxctl({"dice", mask, folder.write("text.nii", "hello").string()}), 2, "text.nii");
  require_one_line(voxctl({"dice", mask, folder.path().string()}), 2, folder.path().string());
  require_one_line(voxctl({"dice", mask, (folder.path() / "absent.nii").string()}), 4, "absent.nii");
  require_one_line(voxctl({"dice", mask}), 1, "B");
}

TEST_CASE("--help lists the exit codes and --version the version", "[voxctl]") {
  const Ended help = voxctl({"--help"});
  CHECK(help.code == 0);
  CHECK_THAT(help.out, Catch::Contains("Exit codes:") && Catch::Contains("130") && Catch::Contains("segment"));
  const Ended version = voxctl({"--version"});
  CHECK(version.code == 0);
  CHECK(version.out == "voxctl " VOXD_VERSION "\n");
}

TEST_CASE("the example of the README does what it says", "[client]") {
  const Bench bench;
  Process process({VOXD_BIN_DIR "/voxd_example", bench.server.address(), "brain", bench.file, bench.path("m.nii.gz")});
  CHECK(process.wait() == 0);
  CHECK(process.output() == "network: 5000 ms\n");
  CHECK(read_file(bench.path("m.nii.gz")) == bench.image);
}

}  // namespace
}  // namespace voxd::test
