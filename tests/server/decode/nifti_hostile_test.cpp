#include <cmath>
#include <cstring>
#include <random>
#include <string>

#include "gpu_transforms/volume/error.h"
#include "server/decode/nifti.h"
#include "tests/support/catch.h"
#include "tests/support/nifti_builder.h"

namespace voxd::nifti_hostile_test {
namespace {

using test::gzip_bytes;
using test::nifti_bytes;
using test::NiftiSpec;
using test::small_nifti;

HostBuffer no_memory(std::size_t bytes) {
  FAIL("asked for " << bytes << " bytes");
  return {};
}

/// The message with which a file is refused before any memory is asked for.
std::string refusal(std::span<const std::byte> file, const DecodeLimits& limits = {}) {
  try {
    decode_nifti(file, no_memory, limits);
  } catch (const Error& error) {
    REQUIRE(error.code() == Code::invalid_argument);
    return error.what();
  }
  return "accepted";
}

std::string refusal(const NiftiSpec& spec) {
  const auto file = nifti_bytes(spec);
  const std::string plain = refusal(file);
  REQUIRE(refusal(gzip_bytes(file)) == plain);
  return plain;
}

template <class T>
std::string refusal(T NiftiSpec::*field, T value) {
  NiftiSpec spec = small_nifti();
  spec.*field = value;
  return refusal(spec);
}

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto* start = reinterpret_cast<const std::byte*>(text.data());
  return {start, start + text.size()};
}

TEST_CASE("a file cut short at any byte is refused", "[decode][nifti][hostile]") {
  NiftiSpec spec = small_nifti();
  spec.version = GENERATE(1, 2);
  spec.big_endian = GENERATE(false, true);
  const auto plain = nifti_bytes(spec);
  for (const auto& file : {plain, gzip_bytes(plain), gzip_bytes(plain, 3)}) {
    REQUIRE_NOTHROW(decode_nifti(file, allocate_host, {}));
    for (std::size_t n = 0; n < file.size(); ++n) {
      CAPTURE(n, file.size(), spec.version, spec.big_endian);
      REQUIRE_THROWS_AS(decode_nifti(std::span(file).first(n), allocate_host, {}), Error);
    }
  }
}

TEST_CASE("a header cut short at any byte is refused", "[decode][nifti][hostile]") {
  NiftiSpec spec = small_nifti();
  spec.version = GENERATE(1, 2);
  const auto file = nifti_bytes(spec);
  const std::size_t header = spec.version == 1 ? 348 : 540;
  REQUIRE_NOTHROW(read_nifti_header(std::span(file).first(header), {}));
  for (std::size_t n = 0; n < header; ++n) REQUIRE_THROWS_AS(read_nifti_header(std::span(file).first(n), {}), Error);
}

TEST_CASE("absurd dimensions are refused by name before memory is taken", "[decode][nifti][hostile]") {
  const auto dims = [](std::array<std::int64_t, 8> dim, int version = 1) {
    NiftiSpec spec = small_nifti();
    spec.version = version;
    spec.dim = dim;
    return refusal(spec);
  };
  CHECK(dims({7, 32767, 32767, 32767, 32767, 32767, 32767, 32767}) ==
        "dim[4]: 32767 time points, at most 1: only 3D images are supported");
  CHECK(dims({3, 32767, 32767, 32767, 1, 1, 1, 1}) == "dim[1]: 32767 voxels, at most 4096");
  CHECK(dims({3, 70000, 2, 2, 1, 1, 1, 1}, 2) == "dim[1]: 70000 voxels, at most 4096");
  CHECK(dims({3, 1, 1, INT64_MAX, 1, 1, 1, 1}, 2) == "dim[3]: 9223372036854775807 voxels, at most 4096");
  CHECK(dims({3, 4096, 4096, 4096, 1, 1, 1, 1}) ==
        "dim: 4096x4096x4096 voxels need 137438953472 bytes, at most 4294967296");
  CHECK(dims({9, 4, 3, 2, 1, 1, 1, 1}) == "dim[0]: 9 dimensions, 2 or 3 expected");
  CHECK(dims({0, 4, 3, 2, 1, 1, 1, 1}) == "dim[0]: 0 dimensions, 2 or 3 expected");
  CHECK(dims({1, 24, 1, 1, 1, 1, 1, 1}) == "dim[0]: 1 dimensions, 2 or 3 expected");
  CHECK(dims({-3, 4, 3, 2, 1, 1, 1, 1}) == "dim[0]: -3 dimensions, 2 or 3 expected");
  CHECK(dims({3, 4, -3, 2, 1, 1, 1, 1}) == "dim[2]: -3 voxels, at least 1");
  CHECK(dims({3, 4, 3, 0, 1, 1, 1, 1}) == "dim[3]: 0 voxels, at least 1");
  CHECK(dims({4, 4, 3, 1, 2, 1, 1, 1}) == "dim[4]: 2 time points, at most 1: only 3D images are supported");
  CHECK(dims({5, 4, 3, 1, 1, 3, 1, 1}) == "dim[5]: 3 entries, at most 1: only 3D images are supported");
}

TEST_CASE("a file shorter than its header promises is refused before memory is taken", "[decode][nifti][hostile]") {
  NiftiSpec spec = small_nifti();
  spec.dim = {3, 2000, 1000, 1000, 1, 1, 1, 1};
  CHECK(refusal(nifti_bytes(spec)) ==
        "nifti: 2000x1000x1000 voxels of int16 need 4000000352 bytes, the file holds at most 400");
  CHECK_THAT(refusal(gzip_bytes(nifti_bytes(spec))), Catch::Contains("need 4000000352 bytes, the file holds at most "));
}

TEST_CASE("types that are not one real number, and wrong bit counts, are refused by name", "[decode][nifti][hostile]") {
  using Optional = std::optional<int>;
  CHECK(refusal(&NiftiSpec::datatype, Optional(999)) ==
        "datatype: 999 (unknown), supported are integers of 8 to 64 bits, float32 and float64");
  CHECK_THAT(refusal(&NiftiSpec::datatype, Optional(128)), Catch::StartsWith("datatype: 128 (RGB24), supported are"));
  CHECK_THAT(refusal(&NiftiSpec::datatype, Optional(1)), Catch::StartsWith("datatype: 1 (one bit per voxel)"));
  CHECK_THAT(refusal(&NiftiSpec::datatype, Optional(32)), Catch::StartsWith("datatype: 32 (complex64)"));
  CHECK_THAT(refusal(&NiftiSpec::datatype, Optional(0)), Catch::StartsWith("datatype: 0 (unknown)"));
  CHECK(refusal(&NiftiSpec::bitpix, Optional(8)) == "bitpix: 8, but datatype 4 (int16) has 16");
  CHECK(refusal(&NiftiSpec::bitpix, Optional(0)) == "bitpix: 0, but datatype 4 (int16) has 16");
}

TEST_CASE("an offset that does not lie between header and end is refused", "[decode][nifti][hostile]") {
  const auto at = [](double offset) { return refusal(&NiftiSpec::vox_offset, std::optional(offset)); };
  CHECK(at(-1000) == "vox_offset: -1000, a whole number from 352 to 4294967296 expected");
  CHECK_THAT(at(1e30), Catch::StartsWith("vox_offset: 1e+30"));
  CHECK_THAT(at(std::nan("")), Catch::StartsWith("vox_offset: nan"));
  CHECK_THAT(at(0), Catch::StartsWith("vox_offset: 0"));
  CHECK_THAT(at(348), Catch::StartsWith("vox_offset: 348"));
  CHECK_THAT(at(352.5), Catch::StartsWith("vox_offset: 352.5"));
  CHECK_THAT(refusal([] {
               NiftiSpec spec = small_nifti();
               spec.vox_offset = 4e6;
               return nifti_bytes(spec);
             }()),
             Catch::Contains("need 4000048 bytes, the file holds at most 400"));
}

TEST_CASE("a slope with an intercept that is not finite is refused", "[decode][nifti][hostile]") {
  NiftiSpec spec = small_nifti();
  spec.scl_slope = 1;
  spec.scl_inter = std::nan("");
  CHECK(refusal(spec) == "scl_inter: nan, a finite number expected beside scl_slope 1");
  spec.scl_inter = HUGE_VAL;
  CHECK_THAT(refusal(spec), Catch::StartsWith("scl_inter: inf"));
}

TEST_CASE("geometry that cannot be used is refused", "[decode][nifti][hostile]") {
  NiftiSpec spec = small_nifti();
  SECTION("pixdim") {
    spec.sform_code = 0;
    spec.pixdim[2] = GENERATE(0.0, std::nan(""), HUGE_VAL);
    CHECK_THAT(refusal(spec), Catch::StartsWith("pixdim[2]: "));
  }
  SECTION("singular sform") {
    spec.srow[1] = {0, 0, 0, 0};
    CHECK_THAT(refusal(spec), Catch::StartsWith("sform affine: "));
  }
  SECTION("sform that is not finite") {
    spec.srow[2][3] = GENERATE(std::nan(""), HUGE_VAL);
    CHECK_THAT(refusal(spec), Catch::StartsWith("sform: row 2 column 3 is "));
  }
  SECTION("quaternion longer than 1") {
    spec.sform_code = 0;
    spec.qform_code = 1;
    spec.quatern = {1, GENERATE(0.5, std::nan("")), 0};
    CHECK_THAT(refusal(spec), Catch::StartsWith("quatern_b, c, d: 1, "));
  }
}

TEST_CASE("files that are not single-file NIfTI say so", "[decode][nifti][hostile]") {
  NiftiSpec spec = small_nifti();
  spec.magic = {'n', 'i', '1'};
  CHECK_THAT(refusal(spec), Catch::Contains("separate .img file"));
  spec.magic = {'x'};
  CHECK_THAT(refusal(spec), Catch::Contains("does not say 'n+1'"));
  CHECK_THAT(refusal(std::vector<std::byte>(400)), Catch::Contains("this is not a NIfTI file"));
  CHECK_THAT(refusal(bytes_of("GIF89a, honestly")), Catch::Contains("this is not a NIfTI file"));
  CHECK_THAT(refusal(gzip_bytes(bytes_of("hello"))), Catch::Contains("this is not a NIfTI file"));
  CHECK_THAT(refusal(std::vector<std::byte>{}), Catch::Contains("cut short"));
}

TEST_CASE("limits other than the default are obeyed", "[decode][nifti][hostile]") {
  const auto file = nifti_bytes(small_nifti());
  CHECK(refusal(file, {.max_axis_voxels = 3}) == "dim[1]: 4 voxels, at most 3");
  CHECK(refusal(file, {.max_bytes = 40}) == "dim: 4x3x2 voxels need 48 bytes, at most 40");
  REQUIRE_NOTHROW(decode_nifti(file, allocate_host, {.max_axis_voxels = 4, .max_bytes = 400}));
}

TEST_CASE("a gzip bomb behind the voxels is not inflated", "[decode][gzip][hostile]") {
  NiftiSpec spec = small_nifti();
  spec.after.resize(64 << 20);
  const auto file = gzip_bytes(nifti_bytes(spec));
  REQUIRE(file.size() < 100000);
  REQUIRE_THROWS_WITH(decode_nifti(file, allocate_host, {}), "gzip: more than 1048576 bytes follow the last voxel");
}

TEST_CASE("bytes after a plain file's voxels are ignored, after a gzip stream only zeros are",
          "[decode][gzip][hostile]") {
  NiftiSpec spec = small_nifti();
  spec.after.resize(1000, std::byte{7});
  REQUIRE_NOTHROW(decode_nifti(nifti_bytes(spec), allocate_host, {}));
  auto file = gzip_bytes(nifti_bytes(spec));
  file.resize(file.size() + 512);
  REQUIRE_NOTHROW(decode_nifti(file, allocate_host, {}));
  file.push_back(std::byte{'x'});
  REQUIRE_THROWS_WITH(decode_nifti(file, allocate_host, {}),
                      "gzip: 513 bytes that are not gzip follow the compressed data");
}

TEST_CASE("a gzip file with one bit flipped in its checksum or length is refused", "[decode][gzip][hostile]") {
  const auto file = gzip_bytes(nifti_bytes(small_nifti()));
  for (std::size_t back = 1; back <= 8; ++back) {
    auto damaged = file;
    damaged[file.size() - back] ^= std::byte{1};
    CAPTURE(back);
    REQUIRE_THROWS_WITH(decode_nifti(damaged, allocate_host, {}), "gzip: checksum does not match");
  }
}

TEST_CASE("random damage is refused or decoded, never worse", "[decode][nifti][hostile][random]") {
  const unsigned seed = Catch::rngSeed() != 0 ? Catch::rngSeed() : std::random_device{}();
  INFO("seed " << seed << " (--rng-seed " << seed << " repeats it)");
  std::mt19937 random(seed);
  NiftiSpec spec = small_nifti();
  int refused = 0, decoded = 0;
  const DecodeLimits limits{.max_axis_voxels = 256, .max_bytes = 1 << 20};
  for (int round = 0; round < 20000; ++round) {
    spec.version = 1 + static_cast<int>(random() % 2);
    spec.big_endian = random() % 2 == 0;
    auto file = nifti_bytes(spec);
    const bool damage_inside = random() % 2 == 0;
    if (!damage_inside) file = gzip_bytes(file, 1 + static_cast<int>(random() % 3));
    for (unsigned mutation = 0; mutation < 1 + random() % 4; ++mutation)
      file[random() % file.size()] = static_cast<std::byte>(random());
    if (damage_inside && random() % 2 == 0) file = gzip_bytes(file);
    try {
      decode_nifti(file, allocate_host, limits);
      ++decoded;
    } catch (const Error& error) {
      REQUIRE(error.code() == Code::invalid_argument);
      ++refused;
    }
  }
  REQUIRE(refused > 1000);
  REQUIRE(decoded > 1000);
}

}  // namespace
}  // namespace voxd::nifti_hostile_test
