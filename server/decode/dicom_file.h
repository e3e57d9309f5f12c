#pragma once

#include <cstddef>
#include <memory>
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

/// The pixels of one file. Borrows the file's bytes. Used by one thread at a time, on any.
class DicomFrames {
 public:
  /// Parses the whole file; `instance` is what read_dicom_instance gave for it. Throws Error{invalid_argument}.
  DicomFrames(std::span<const std::byte> file, const DicomInstance& instance, const DecodeLimits& limits);
  ~DicomFrames();
  DicomFrames(DicomFrames&&) noexcept;

  /// Decodes frame `index` into `out`, which is pixels.frame_bytes() long: numbers as stored, in native byte order,
  /// rows from top to bottom. Throws Error{invalid_argument} if the frame is not there, cut short or damaged.
  void read(std::int32_t index, std::span<std::byte> out);

 private:
  struct File;
  std::unique_ptr<File> file_;
};

/// The file without its pixels, as explicit little endian: what stands in results made from it comes from here.
std::vector<std::byte> dicom_header(std::span<const std::byte> file, const DecodeLimits& limits);

}  // namespace voxd
