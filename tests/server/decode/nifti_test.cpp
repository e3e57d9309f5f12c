#include "server/decode/nifti.h"

#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "server/decode/image.h"
#include "tests/support/catch.h"
#include "tests/support/nifti_builder.h"
#include "tests/support/npy.h"

namespace voxd::nifti_test {
namespace {

using test::gzip_bytes;
using test::nifti_bytes;
using test::NiftiSpec;
using test::small_nifti;

const std::string golden = VOXD_GOLDEN_DIR;

std::vector<std::byte> file_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto* start = reinterpret_cast<const std::byte*>(text.data());
  return {start, start + text.size()};
}

HostVolume decode(std::span<const std::byte> file, const DecodeLimits& limits = {}) {
  return decode_nifti(file, allocate_host, limits);
}
HostVolume decode(const NiftiSpec& spec) { return decode(nifti_bytes(spec)); }

/// The value at each voxel in file order, whatever the type.
std::vector<double> in_file_order(const HostVolume& volume) {
  const auto [x, y, z] = volume.geometry.size;
  std::vector<double> values;
  visit_dtype(volume.dtype, [&](auto zero) {
    const auto voxels = volume.as<decltype(zero)>();
    for (std::int64_t k = 0; k < z; ++k)
      for (std::int64_t j = 0; j < y; ++j)
        for (std::int64_t i = 0; i < x; ++i) values.push_back(static_cast<double>(voxels[(i * y + j) * z + k]));
  });
  return values;
}

void require_close(const Affine& affine, const Affine& expected, double tolerance) {
  for (int row = 0; row < 4; ++row)
    for (int column = 0; column < 4; ++column) {
      CAPTURE(row, column);
      REQUIRE(affine[row][column] == Approx(expected[row][column]).margin(tolerance).epsilon(0));
    }
}

Affine affine_of(const nlohmann::json& rows) {
  Affine affine{};
  for (int row = 0; row < 4; ++row)
    for (int column = 0; column < 4; ++column) affine[row][column] = rows[row][column];
  return affine;
}

TEST_CASE("every LoadImage golden decodes to MONAI's voxels and affine", "[decode][nifti][golden]") {
  const auto index = nlohmann::json::parse(std::ifstream(golden + "/index.json"));
  int cases = 0;
  for (const auto& entry : index.at("cases")) {
    if (entry.at("transform") != "LoadImage") continue;
    ++cases;
    CAPTURE(entry.at("id").get<std::string>());
    const HostVolume volume = decode(file_bytes(golden + "/" + entry.at("input").at("file").get<std::string>()));
    const HostVolume expected =
        test::to_volume(test::read_npy(golden + "/" + entry.at("output").at("file").get<std::string>()));
    REQUIRE(volume.geometry.size == expected.geometry.size);
    require_close(volume.geometry.affine, affine_of(entry.at("output").at("affine")), 1e-6);
    const auto voxels = expected.as<float>();
    const double tolerance = entry.at("atol");
    std::int64_t wrong = 0;
    visit_dtype(volume.dtype, [&](auto zero) {
      const auto ours = volume.as<decltype(zero)>();
      for (std::size_t i = 0; i < ours.size(); ++i)
        wrong += !(std::abs(static_cast<double>(ours[i]) - voxels[i]) <= tolerance);
    });
    REQUIRE(wrong == 0);
  }
  REQUIRE(cases == 12);
}

TEST_CASE("voxels come out with Z contiguous", "[decode][nifti]") {
  const HostVolume volume = decode(small_nifti());
  REQUIRE(volume.geometry.size == Int3{4, 3, 2});
  REQUIRE(volume.channels == 1);
  const auto voxels = volume.as<std::int16_t>();
  for (int x = 0; x < 4; ++x)
    for (int y = 0; y < 3; ++y)
      for (int z = 0; z < 2; ++z) REQUIRE(voxels[(x * 3 + y) * 2 + z] == x + 4 * (y + 3 * z));
}

TEST_CASE("grids that do not divide into tiles or slabs keep every voxel", "[decode][nifti]") {
  const auto size = GENERATE(Int3{1, 1, 1}, Int3{65, 2, 3}, Int3{2, 1, 129}, Int3{64, 64, 64}, Int3{130, 67, 65});
  NiftiSpec spec;
  spec.stored = DType::i32;
  spec.ramp(size[0], size[1], size[2]);
  const auto file = nifti_bytes(spec);
  REQUIRE(in_file_order(decode(file)) == spec.values);
  REQUIRE(in_file_order(decode(gzip_bytes(file))) == spec.values);
}

TEST_CASE("a compressed volume of several slabs decodes as the plain one", "[decode][nifti]") {
  NiftiSpec spec;
  spec.stored = DType::u16;
  spec.ramp(260, 256, 140);  // 18.6 MB
  for (double& value : spec.values) value = std::fmod(value, 65521);
  const auto file = nifti_bytes(spec);
  const HostVolume plain = decode(file);
  const HostVolume inflated = decode(gzip_bytes(file));
  REQUIRE(std::ranges::equal(plain.voxels.bytes(), inflated.voxels.bytes()));
}

TEST_CASE("every type in both byte orders and both versions arrives with its values", "[decode][nifti]") {
  const auto stored = GENERATE(DType::u8, DType::i8, DType::u16, DType::i16, DType::u32, DType::i32, DType::u64,
                               DType::i64, DType::f32, DType::f64);
  const auto version = GENERATE(1, 2);
  const auto big_endian = GENERATE(false, true);
  NiftiSpec spec = small_nifti();
  spec.stored = stored;
  spec.version = version;
  spec.big_endian = big_endian;
  const bool is_signed = stored != DType::u8 && stored != DType::u16 && stored != DType::u32 && stored != DType::u64;
  if (is_signed) spec.values[5] = -100;
  if (size_of(stored) > 1) spec.values[6] = 12345;
  if (stored == DType::f32 || stored == DType::f64) spec.values[7] = -0.375;
  CAPTURE(name_of(stored), version, big_endian);
  const HostVolume volume = decode(spec);
  REQUIRE(in_file_order(volume) == spec.values);
  const bool kept = size_of(stored) <= 2 || stored == DType::f32;
  REQUIRE(volume.dtype == (kept ? stored : DType::f32));
}

TEST_CASE("wide integers become the nearest float", "[decode][nifti]") {
  NiftiSpec spec = small_nifti();
  spec.stored = DType::u32;
  spec.values[0] = 4294967295.0;
  spec.values[1] = 16777217.0;
  const auto values = in_file_order(decode(spec));
  REQUIRE(values[0] == 4294967296.0);
  REQUIRE(values[1] == 16777216.0);
}

TEST_CASE("slope and intercept are applied in double and give float32", "[decode][nifti]") {
  NiftiSpec spec = small_nifti();
  spec.scl_slope = 0.1;
  spec.scl_inter = -1024.3;
  const HostVolume volume = decode(spec);
  REQUIRE(volume.dtype == DType::f32);
  const double slope = 0.1f, inter = -1024.3f;
  const auto values = in_file_order(volume);
  for (std::size_t i = 0; i < values.size(); ++i)
    REQUIRE(values[i] == static_cast<float>(slope * static_cast<double>(i) + inter));
}

TEST_CASE("a slope that is zero or not finite means no scaling, whatever the intercept", "[decode][nifti]") {
  NiftiSpec spec = small_nifti();
  spec.scl_slope = GENERATE(0.0, std::nan(""), HUGE_VAL, 1.0);
  spec.scl_inter = spec.scl_slope == 1 ? 0 : GENERATE(5.0, std::nan(""));
  const HostVolume volume = decode(spec);
  REQUIRE(volume.dtype == DType::i16);
  REQUIRE(in_file_order(volume) == spec.values);
}

TEST_CASE("a file of two dimensions has one plane", "[decode][nifti]") {
  NiftiSpec spec = NiftiSpec{}.ramp(5, 4, 1);
  spec.dim = {2, 5, 4, 0, 0, 0, 0, 0};
  spec.pixdim = {1, 2, 3, 0, 0, 0, 0, 0};
  spec.sform_code = 0;
  const HostVolume volume = decode(spec);
  REQUIRE(volume.geometry.size == Int3{5, 4, 1});
  REQUIRE(spacing_mm(volume.geometry.affine) == Vec3{2, 3, 1});
}

TEST_CASE("trailing dimensions of one are dropped", "[decode][nifti]") {
  NiftiSpec spec = small_nifti();
  spec.dim[0] = GENERATE(4, 5, 7);
  REQUIRE(decode(spec).geometry.size == Int3{4, 3, 2});
}

TEST_CASE("the sform wins over the qform, the qform over pixdim", "[decode][nifti][geometry]") {
  NiftiSpec spec = small_nifti();
  spec.pixdim = {-1, 2, 3, 4, 1, 1, 1, 1};
  spec.srow = {{{0, 5, 0, 1}, {6, 0, 0, 2}, {0, 0, 7, 3}, {0, 0, 0, 1}}};
  spec.quatern = {0, 0, 1};
  spec.qoffset = {10, 20, 30};
  const Affine by_qform = {{{-2, 0, 0, 10}, {0, -3, 0, 20}, {0, 0, -4, 30}, {0, 0, 0, 1}}};
  const Affine by_pixdim = {{{-2, 0, 0, 3}, {0, 3, 0, -3}, {0, 0, 4, -2}, {0, 0, 0, 1}}};
  const auto affine = [&](int sform_code, int qform_code) {
    spec.sform_code = sform_code;
    spec.qform_code = qform_code;
    return decode(spec).geometry.affine;
  };
  require_close(affine(1, 1), spec.srow, 0);
  require_close(affine(5, 0), spec.srow, 0);
  require_close(affine(0, 1), by_qform, 1e-12);
  require_close(affine(6, 1), by_qform, 1e-12);
  require_close(affine(0, 0), by_pixdim, 1e-12);
  require_close(affine(-1, 77), by_pixdim, 1e-12);
}

TEST_CASE("a pixdim counts by its absolute value and a qfac other than -1 as 1", "[decode][nifti][geometry]") {
  NiftiSpec spec = small_nifti();
  spec.sform_code = 0;
  spec.qform_code = 1;
  spec.pixdim = {GENERATE(0.0, 1.0, -0.5, std::nan("")), -2, 3, -4, 1, 1, 1, 1};
  require_close(decode(spec).geometry.affine, {{{2, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 4, 0}, {0, 0, 0, 1}}}, 0);
}

TEST_CASE("a sform sheared by gantry tilt is kept as it is", "[decode][nifti][geometry]") {
  NiftiSpec spec = small_nifti();
  spec.srow = {{{1, 0, 0, 0}, {0, 1, 0.268, 0}, {0, 0, 2, 0}, {0, 0, 0, 1}}};
  REQUIRE(decode(spec).geometry.affine[1][2] == double{0.268f});
}

TEST_CASE("members of a gzip file are read as one stream, wherever they part", "[decode][nifti][gzip]") {
  const auto file = nifti_bytes(small_nifti());
  for (int members : {1, 2, 3, 8, 100, static_cast<int>(file.size())}) {
    CAPTURE(members);
    REQUIRE(in_file_order(decode(gzip_bytes(file, members))) == small_nifti().values);
  }
}

TEST_CASE("an extension before the voxels is skipped", "[decode][nifti]") {
  NiftiSpec spec = small_nifti();
  spec.version = GENERATE(1, 2);
  spec.vox_offset = GENERATE(560, 20000);
  REQUIRE(in_file_order(decode(spec)) == spec.values);
  REQUIRE(in_file_order(decode(gzip_bytes(nifti_bytes(spec)))) == spec.values);
}

TEST_CASE("the header alone tells the size before the voxels are there", "[decode][nifti]") {
  NiftiSpec spec = NiftiSpec{}.ramp(40, 30, 20);
  spec.scl_slope = 2;
  spec.version = GENERATE(1, 2);
  const auto file = nifti_bytes(spec);
  for (const auto& start :
       {std::vector(file.begin(), file.begin() + (spec.version == 1 ? 348 : 540)), gzip_bytes(file)}) {
    const NiftiHeader header = read_nifti_header(start, {});
    REQUIRE(header.geometry.size == Int3{40, 30, 20});
    REQUIRE(header.stored_bytes() == 48000);
    REQUIRE(header.decoded_bytes() == 96000);
  }
  const auto compressed = gzip_bytes(file);
  const ImageHeader header = read_image_header(std::span(compressed).first(1000), "", {});
  REQUIRE(header.format == "nifti");
  REQUIRE(header.dtype == DType::f32);
  REQUIRE(header.decoded_bytes() == 96000);
}

TEST_CASE("the voxels are taken from the caller's allocator in one piece", "[decode][nifti]") {
  std::vector<std::size_t> asked;
  const auto allocate = [&](std::size_t bytes) {
    asked.push_back(bytes);
    return allocate_host(bytes);
  };
  decode_nifti(gzip_bytes(nifti_bytes(small_nifti())), allocate, {});
  REQUIRE(asked == std::vector<std::size_t>{48});
}

TEST_CASE("an image of no known format is refused with the formats that are", "[decode]") {
  const auto file = nifti_bytes(small_nifti());
  REQUIRE(decode_image(file, "", allocate_host, {}).format == "nifti");
  REQUIRE(decode_image(file, "nifti", allocate_host, {}).volume.dtype == DType::i16);
  REQUIRE_THROWS_WITH(decode_image(file, "jpeg", allocate_host, {}), "format: 'jpeg', supported: nifti");
  const std::vector<std::byte> text(500, std::byte{'x'});
  REQUIRE_THROWS_WITH(decode_image(text, "", allocate_host, {}), Catch::Contains("not recognised"));
  REQUIRE_THROWS_AS(decode_image({}, "", allocate_host, {}), Error);
  REQUIRE_THROWS_AS(decode_image({}, "nifti", allocate_host, {}), Error);
}

}  // namespace
}  // namespace voxd::nifti_test
