#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/decode/dicom_volume.h"
#include "tests/support/catch.h"
#include "tests/support/dicom_builder.h"

// What the tests of odd series share: a series of data sets decoded as the server does it, and what must come out.
namespace voxd::test {

using Files = std::vector<std::vector<std::byte>>;

inline Files files_of(const std::vector<DicomDataset>& slices, const std::string& transfer_syntax = explicit_little) {
  Files files;
  for (const DicomDataset& slice : slices) files.push_back(dicom_bytes(slice, transfer_syntax));
  return files;
}

struct Decoded {
  HostVolume volume;
  std::vector<std::string> warnings;
};

inline Decoded decode(const Files& files, DecodeLimits limits = {}) {
  std::vector<std::span<const std::byte>> spans(files.begin(), files.end());
  const DicomDecoding how{.limits = limits, .threads = 2};
  const DicomSource source = open_dicom_series(spans, how);
  return {decode_dicom_series(source, spans, allocate_host, how), source.series.warnings};
}

inline Decoded decode(const std::vector<DicomDataset>& slices) { return decode(files_of(slices)); }

template <class Input>
std::string refusal(const Input& input) {
  try {
    decode(input);
  } catch (const Error& error) {
    CHECK(error.code() == Code::invalid_argument);
    return error.what();
  }
  return "accepted";
}

template <class T>
T voxel(const HostVolume& volume, std::int32_t x, std::int32_t y, std::int32_t z) {
  const Int3& size = volume.geometry.size;
  return volume.as<T>()[static_cast<std::size_t>((std::int64_t{x} * size[1] + y) * size[2] + z)];
}

/// What ct_slices(count) must become, however it came.
inline void require_plain(const Decoded& decoded, int count = 4) {
  const HostVolume& volume = decoded.volume;
  REQUIRE(volume.dtype == DType::i16);
  REQUIRE(volume.geometry.size == Int3{4, 3, count});
  const Affine expected{{{-0.7, 0, 0, 20}, {0, -0.5, 0, 30}, {0, 0, 2.5, -10}, {0, 0, 0, 1}}};
  for (std::size_t row = 0; row < 4; ++row)
    for (std::size_t column = 0; column < 4; ++column)
      REQUIRE(volume.geometry.affine[row][column] == Approx(expected[row][column]).margin(1e-12));
  for (int z = 0; z < count; ++z)
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < 4; ++x) REQUIRE(voxel<std::int16_t>(volume, x, y, z) == 1000 + 20 * z + 4 * y + x - 1024);
}

inline void require_warning(const Decoded& decoded, const std::string& text) {
  REQUIRE(decoded.warnings.size() == 1);
  REQUIRE_THAT(decoded.warnings[0], Catch::Matchers::Contains(text));
}

inline std::vector<DicomDataset> without(std::vector<DicomDataset> slices, std::size_t index) {
  slices.erase(slices.begin() + static_cast<std::ptrdiff_t>(index));
  return slices;
}

}  // namespace voxd::test
