#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace voxd::test {

/// A file of dicom_bytes() in another transfer syntax: RLE, JPEG baseline, extended, lossless (all by DCMTK).
std::vector<std::byte> compressed_by_dcmtk(const std::vector<std::byte>& file, const std::string& transfer_syntax);

/// One frame as a stream; `bits` of each number count.
std::vector<std::byte> jpeg_ls_stream(const std::vector<std::uint16_t>& pixels, std::uint32_t columns,
                                      std::uint32_t rows, int bits);
std::vector<std::byte> jpeg2000_stream(const std::vector<std::uint16_t>& pixels, std::uint32_t columns,
                                       std::uint32_t rows, int bits, bool is_signed = false);

/// ct_slices(3) as files in a compressed transfer syntax: JPEG-LS, JPEG 2000, or one that DCMTK writes.
std::vector<std::vector<std::byte>> compressed_ct_series(const std::string& transfer_syntax);

inline constexpr const char* run_length = "1.2.840.10008.1.2.5";
inline constexpr const char* jpeg_baseline = "1.2.840.10008.1.2.4.50";
inline constexpr const char* jpeg_extended = "1.2.840.10008.1.2.4.51";
inline constexpr const char* jpeg_lossless = "1.2.840.10008.1.2.4.57";
inline constexpr const char* jpeg_lossless_sv1 = "1.2.840.10008.1.2.4.70";
inline constexpr const char* jpeg_ls_lossless = "1.2.840.10008.1.2.4.80";
inline constexpr const char* jpeg2000_lossless = "1.2.840.10008.1.2.4.90";
inline constexpr const char* htj2k_lossless = "1.2.840.10008.1.2.4.201";

}  // namespace voxd::test
