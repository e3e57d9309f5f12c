#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/nifti_builder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace voxd::nifti_fuzz_test {
namespace {

using Bytes = std::vector<std::byte>;

void run(const Bytes& file) { LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(file.data()), file.size()); }

/// The goldens, and a built file of each type, version and byte order, plain and compressed.
std::vector<Bytes> seeds() {
  std::vector<Bytes> files;
  for (const auto& entry : std::filesystem::directory_iterator(VOXD_GOLDEN_DIR "/nifti")) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto* start = reinterpret_cast<const std::byte*>(text.data());
    files.emplace_back(start, start + text.size());
  }
  for (DType stored : {DType::u8, DType::i8, DType::u16, DType::i16, DType::u32, DType::i32, DType::u64, DType::i64,
                       DType::f32, DType::f64})
    for (int version : {1, 2})
      for (bool big_endian : {false, true}) {
        test::NiftiSpec spec = test::small_nifti();
        spec.stored = stored;
        spec.version = version;
        spec.big_endian = big_endian;
        spec.scl_slope = version - 1;
        files.push_back(nifti_bytes(spec));
        files.push_back(test::gzip_bytes(files.back(), version));
      }
  return files;
}

TEST_CASE("the fuzz target holds on its seeds and on damaged copies of them", "[fuzz][nifti]") {
  const std::vector<Bytes> files = seeds();
  REQUIRE(files.size() == 12 + 80);
  const unsigned seed = Catch::rngSeed() != 0 ? Catch::rngSeed() : std::random_device{}();
  INFO("seed " << seed << " (--rng-seed " << seed << " repeats it)");
  std::mt19937 random(seed);
  for (const Bytes& file : files) {
    run(file);
    for (int round = 0; round < 100; ++round) {
      Bytes damaged = file;
      for (unsigned i = 0; i < 1 + random() % 3; ++i)
        damaged[random() % std::min<std::size_t>(damaged.size(), 600)] = static_cast<std::byte>(random());
      if (random() % 4 == 0) damaged.resize(random() % damaged.size());
      run(damaged);
    }
  }
}

}  // namespace
}  // namespace voxd::nifti_fuzz_test
