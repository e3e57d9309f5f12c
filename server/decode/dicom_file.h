#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "server/decode/dicom_instance.h"
#include "server/decode/limits.h"

namespace voxd {

/// Whether a file begins like DICOM: "DICM" after a preamble of 128 bytes.
bool is_dicom(std::span<const std::byte> start);

/// Reads what a DICOM file says of itself, its pixels left aside. Classic and enhanced (multi-frame) CT, MR and PET
/// images, and secondary captures with a position, can be made a volume of; other objects come back `unusable`.
/// Throws Error{invalid_argument} naming the attribute: if the file cannot be parsed, if its pixels are not one
/// sample of 8, 16 or 32 bits or in a transfer syntax that is not supported, if a number is none, or if sizes are
/// beyond the limits or what the file can hold. Safe from any thread.
DicomInstance read_dicom_instance(std::span<const std::byte> file, const DecodeLimits& limits);

/// The same, whatever kind of object it is and wherever it lies: its pixels alone, without frames' places and values.
DicomInstance read_dicom_pixels(std::span<const std::byte> file, const DecodeLimits& limits);

/// The file without its pixels, as explicit little endian: what stands in results made from it comes from here.
std::vector<std::byte> dicom_header(std::span<const std::byte> file, const DecodeLimits& limits);

}  // namespace voxd
