#include <random>

#include "server/decode/dicom_file.h"
#include "server/decode/dicom_volume.h"
#include "tests/support/catch.h"
#include "tests/support/dicom_builder.h"
#include "tests/support/dicom_compressed.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace voxd::dicom_hostile_test {
namespace {

using namespace test;
using Bytes = std::vector<std::byte>;

/// True if two copies of the file, one of them whole, made a volume; an Error is all else that may come of it.
bool accepted(const Bytes& file) {
  static const Bytes neighbour = dicom_bytes(ct_slice(2.5));
  const std::vector<std::span<const std::byte>> files{file, neighbour};
  try {
    const DicomDecoding how{.limits = {.max_axis_voxels = 512, .max_bytes = std::int64_t{1} << 24}};
    decode_dicom_series(open_dicom_series(files, how), files, allocate_host, how);
    return true;
  } catch (const Error& error) {
    CHECK(error.code() == Code::invalid_argument);
    return false;
  }
}

std::vector<Bytes> seeds() {
  const DicomDataset slice = ct_slice(0);
  std::vector<Bytes> files;
  for (const char* syntax : {implicit_little, explicit_little, explicit_big, deflated_little})
    files.push_back(dicom_bytes(slice, syntax));
  for (const char* syntax : {run_length, jpeg_lossless_sv1})
    files.push_back(compressed_by_dcmtk(dicom_bytes(slice), syntax));
  const std::vector<std::uint16_t>& pixels = slice.at(tag::pixel_data).words;
  files.push_back(dicom_bytes(slice, jpeg_ls_lossless, {jpeg_ls_stream(pixels, 4, 3, 12)}));
  files.push_back(dicom_bytes(slice, jpeg2000_lossless, {jpeg2000_stream(pixels, 4, 3, 12)}));
  return files;
}

TEST_CASE("a file that is cut at any byte is refused", "[dicom][hostile]") {
  for (const Bytes& file : seeds()) {
    REQUIRE(accepted(file));
    // What closes a sequence of fragments may be missing at the very end, nothing before it.
    for (std::size_t end = 0; end + 10 < file.size(); ++end)
      if (accepted(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(end))))
        FAIL("accepted when cut at byte " << end << " of " << file.size());
  }
}

TEST_CASE("a damaged file is refused or decoded", "[dicom][hostile]") {
  const unsigned seed = Catch::rngSeed() != 0 ? Catch::rngSeed() : std::random_device{}();
  INFO("seed " << seed << " (--rng-seed " << seed << " repeats it)");
  std::mt19937 random(seed);
  for (const Bytes& file : seeds())
    for (int round = 0; round < 300; ++round) {
      Bytes damaged = file;
      for (unsigned i = 0; i < 1 + random() % 3; ++i)
        damaged[132 + random() % (file.size() - 132)] = static_cast<std::byte>(random());
      accepted(damaged);
    }
}

TEST_CASE("the fuzz target holds on its seeds and on enhanced files, damaged", "[dicom][fuzz]") {
  std::vector<Bytes> files = seeds();
  files.push_back(dicom_bytes(enhanced_ct(3)));
  std::mt19937 random(7);
  for (const Bytes& file : files)
    for (int round = 0; round < 100; ++round) {
      Bytes damaged = file;
      if (round > 0) damaged[random() % file.size()] = static_cast<std::byte>(random());
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(damaged.data()), damaged.size());
    }
}

TEST_CASE("an element that claims four gigabytes costs none", "[dicom][hostile]") {
  Bytes file = dicom_bytes(ct_slice(0));
  const std::uint8_t claim[] = {0x10, 0x00, 0x11, 0x00, 'O', 'B', 0, 0, 0xF0, 0xFF, 0xFF, 0xFF};
  const auto* const begin = reinterpret_cast<const std::byte*>(claim);
  file.insert(file.end() - 36, begin, begin + sizeof claim);
  CHECK_FALSE(accepted(file));
}

}  // namespace
}  // namespace voxd::dicom_hostile_test
