#include "server/decode/dicom_codecs.h"

#include <cstdlib>

#include "server/decode/dicom_volume.h"
#include "tests/support/catch.h"
#include "tests/support/dicom_builder.h"
#include "tests/support/dicom_compressed.h"

namespace voxd::dicom_codecs_test {
namespace {

using namespace test;
using Catch::Matchers::Contains;
using Bytes = std::vector<std::byte>;

/// The 3 rows of 4 pixels 1000 ... 1011 as an HTJ2K codestream, reversible, 16 bits, by OpenJPH.
constexpr const char* htj2k_slice =
    "ff4fff5100294000000000040000000300000000000000000000000400000003000000000000000000010f0101ff50000800020000000aff52"
    "000c"
    "00020001000504044001ff5c00132088909090909090909090909090888888ff64001700014f70656e4a50482056657220302e32362e332eff"
    "90000a"
    "0000000000320001ff93c0002625f805077400000000c0001240001280fe177300fe00477400c0002400fc01e300ffd9";

Bytes from_hex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::strtol(hex.substr(i, 2).c_str(), nullptr, 16)));
  return bytes;
}

HostVolume decode(const std::vector<Bytes>& files) {
  const std::vector<std::span<const std::byte>> spans(files.begin(), files.end());
  const DicomDecoding how{.threads = 2};
  return decode_dicom_series(open_dicom_series(spans, how), spans, allocate_host, how);
}

std::string refusal(const std::vector<Bytes>& files) {
  try {
    decode(files);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

/// Hounsfield units of voxel (x, y, z) are 1000 + 20 * z + 4 * y + x - 1024, off by `most` at most.
void require_ramp(const HostVolume& volume, int most = 0) {
  REQUIRE(volume.geometry.size == Int3{4, 3, 3});
  const auto values = volume.as<std::int16_t>();
  for (int x = 0, i = 0; x < 4; ++x)
    for (int y = 0; y < 3; ++y)
      for (int z = 0; z < 3; ++z, ++i) {
        CAPTURE(x, y, z);
        REQUIRE(std::abs(values[static_cast<std::size_t>(i)] - (1000 + 20 * z + 4 * y + x - 1024)) <= most);
      }
}

TEST_CASE("every lossless codec gives the voxels of the uncompressed series", "[dicom][codecs]") {
  const std::string syntax =
      GENERATE(as<std::string>{}, run_length, jpeg_lossless, jpeg_lossless_sv1, jpeg_ls_lossless, jpeg2000_lossless);
  CAPTURE(syntax);
  require_ramp(decode(compressed_ct_series(syntax)));
}

TEST_CASE("JPEG extended gives the voxels but for what it loses", "[dicom][codecs]") {
  require_ramp(decode(compressed_ct_series(jpeg_extended)), 12);
}

TEST_CASE("HTJ2K is decoded", "[dicom][codecs]") {
  auto slices = ct_slices(2);
  for (DicomDataset& slice : slices) slice.number(tag::bits_stored, 16);
  for (DicomDataset& slice : slices) slice.number(tag::high_bit, 15);
  const Bytes stream = from_hex(htj2k_slice);
  const HostVolume volume =
      decode({dicom_bytes(slices[0], htj2k_lossless, {stream}), dicom_bytes(slices[1], htj2k_lossless, {stream})});
  REQUIRE(volume.dtype == DType::f32);  // 16 unsigned bits less 1024 are neither int16 nor uint16
  const auto values = volume.as<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t x = i / 6, y = i / 2 % 3;
    REQUIRE(values[i] == static_cast<float>(1000 + 4 * y + x) - 1024);
  }
}

TEST_CASE("a frame in several fragments is put together", "[dicom][codecs]") {
  std::vector<Bytes> files;
  for (DicomDataset& slice : ct_slices(3)) {
    const Bytes stream = jpeg2000_stream(slice[tag::pixel_data].words, 4, 3, 12);
    const auto middle = stream.begin() + static_cast<std::ptrdiff_t>(stream.size() / 4 * 2);
    files.push_back(
        dicom_bytes(slice, jpeg2000_lossless, {Bytes(stream.begin(), middle), Bytes(middle, stream.end())}));
  }
  require_ramp(decode(files));
}

TEST_CASE("a compressed multi-frame file's frames are its fragments", "[dicom][codecs]") {
  std::vector<Bytes> fragments;
  for (DicomDataset& slice : ct_slices(3)) fragments.push_back(jpeg_ls_stream(slice[tag::pixel_data].words, 4, 3, 12));
  require_ramp(decode({dicom_bytes(enhanced_ct(3), jpeg_ls_lossless, fragments)}));
  fragments.pop_back();
  CHECK_THAT(refusal({dicom_bytes(enhanced_ct(3), jpeg_ls_lossless, fragments)}), Contains("fragments"));
}

TEST_CASE("case 14: a codestream's precision counts, its sign does not", "[dicom][cases]") {
  auto slices = ct_slices(2);
  std::vector<Bytes> files;
  for (DicomDataset& slice : slices) {
    slice.number(tag::pixel_representation, 1);
    slice.number(tag::bits_stored, 16);
    slice.number(tag::high_bit, 15);
    slice.text(tag::intercept, "DS", "0");
    std::vector<std::uint16_t> pixels(12, 0x1830);  // -2000 in 13 bits, in a stream that says unsigned
    pixels[1] = 100;
    files.push_back(dicom_bytes(slice, jpeg2000_lossless, {jpeg2000_stream(pixels, 4, 3, 13)}));
  }
  const HostVolume volume = decode(files);
  REQUIRE(volume.dtype == DType::i16);
  CHECK(volume.as<std::int16_t>()[0] == -2000);
  CHECK(volume.as<std::int16_t>()[6] == 100);  // x = 1
}

TEST_CASE("a stream of another size than the header's is refused before it is decoded", "[dicom][codecs]") {
  auto slices = ct_slices(3);
  const std::vector<std::uint16_t> pixels(15, 7);
  const auto refused = [&](const std::string& syntax, const Bytes& stream) {
    std::vector<Bytes> files;
    for (const DicomDataset& slice : slices) files.push_back(dicom_bytes(slice, syntax, {stream}));
    return refusal(files);
  };
  CHECK_THAT(refused(jpeg_ls_lossless, jpeg_ls_stream(pixels, 5, 3, 12)), Contains("5x3 pixels of 1 components"));
  CHECK_THAT(refused(jpeg2000_lossless, jpeg2000_stream(pixels, 3, 5, 12)), Contains("3x5 pixels of 1 components"));
  CHECK_THAT(refused(jpeg_lossless_sv1, jpeg_ls_stream(pixels, 5, 3, 12)), Contains("5x3 pixels of 1 components"));
  CHECK_THAT(refused(jpeg_lossless_sv1, Bytes(20)), Contains("no frame header"));
}

TEST_CASE("a stream that is cut at any byte, or damaged at any, is refused or decoded, and nothing else",
          "[dicom][codecs]") {
  const DicomPixels pixels{.rows = 3, .columns = 4, .bits_allocated = 16, .bits_stored = 12, .high_bit = 11};
  const std::vector<std::uint16_t> numbers = ct_slice(0)[tag::pixel_data].words;
  std::vector<std::byte> out(static_cast<std::size_t>(pixels.frame_bytes()));
  const auto try_all = [&](const Bytes& stream, auto decode_stream) {
    const auto run = [&](const Bytes& bytes) {
      try {
        decode_stream(bytes, pixels, out);
        return true;
      } catch (const Error& error) {
        CHECK(error.code() == Code::invalid_argument);
        return false;
      }
    };
    REQUIRE(run(stream));
    for (std::size_t end = 0; end < stream.size() / 2; ++end)
      REQUIRE_FALSE(run(Bytes(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(end))));
    for (std::size_t at = 0; at < stream.size(); ++at)
      for (const int flip : {0x01, 0x80, 0xFF}) {
        Bytes damaged = stream;
        damaged[at] ^= static_cast<std::byte>(flip);
        run(damaged);
      }
  };
  try_all(jpeg_ls_stream(numbers, 4, 3, 12), decode_jpeg_ls);
  try_all(jpeg2000_stream(numbers, 4, 3, 12), decode_jpeg2000);
  // Two segments: four numbers as they are, then eight alike, each byte by itself.
  Bytes rle(64);
  rle[0] = std::byte{2};
  rle[4] = std::byte{64};
  rle[8] = std::byte{71};
  for (const int byte : {3, 1, 2, 3, 4, 249, 5, 3, 6, 7, 8, 9, 249, 10}) rle.push_back(static_cast<std::byte>(byte));
  try_all(rle, decode_run_length);
  decode_run_length(rle, pixels, out);
  CHECK(out[0] == std::byte{6});
  CHECK(out[1] == std::byte{1});
  CHECK(out[23] == std::byte{5});
}

TEST_CASE("a marker that has no place before a JPEG frame's header is refused at once", "[dicom][codecs]") {
  const DicomPixels pixels{.rows = 1, .columns = 1, .bits_allocated = 8, .bits_stored = 2, .high_bit = 1};
  for (const int marker : {0x01, 0xD0, 0xD7}) {
    Bytes stream;
    for (const int byte : {0xFF, 0xD8, 0xFF, marker, 0xFF, 0xC1, 0x00, 0x0B, 0x02, 0x00, 0x01, 0x00, 0x01, 0x01})
      stream.push_back(static_cast<std::byte>(byte));
    Bytes out(1);
    CAPTURE(marker);
    CHECK_THROWS_WITH(decode_jpeg(stream, jpeg_extended, pixels, out), Contains("no frame header"));
  }
}

}  // namespace
}  // namespace voxd::dicom_codecs_test
