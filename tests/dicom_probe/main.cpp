// Decodes DICOM files one by one, for the comparison with pydicom: dicom_probe OUT FILE...
// One line per file on standard output, "read COLUMNS ROWS FRAMES" or "refused REASON"; the stored numbers of file i,
// as int64 in the order frames, rows, columns, in OUT/i.
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "gpu_transforms/volume/error.h"
#include "server/decode/dicom_file.h"
#include "server/decode/dicom_frames.h"

namespace {

using voxd::DicomInstance;

std::string read_file(const char* path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The stored bits of each number, with their sign.
std::vector<std::int64_t> stored_numbers(const std::vector<std::byte>& raw, const voxd::DicomPixels& pixels) {
  const std::size_t bytes = static_cast<std::size_t>(pixels.bits_allocated) / 8;
  std::vector<std::int64_t> numbers;
  for (std::size_t at = 0; at + bytes <= raw.size(); at += bytes) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, raw.data() + at, bytes);
    bits <<= 63 - pixels.high_bit;
    numbers.push_back(pixels.is_signed ? static_cast<std::int64_t>(bits) >> (64 - pixels.bits_stored)
                                       : static_cast<std::int64_t>(bits >> (64 - pixels.bits_stored)));
  }
  return numbers;
}

void probe(const char* path, const std::filesystem::path& out) {
  const std::string text = read_file(path);
  const std::span file = std::as_bytes(std::span(text));
  const voxd::DecodeLimits limits;
  try {
    const DicomInstance instance = voxd::read_dicom_pixels(file, limits);
    voxd::DicomFrames frames(file, instance, limits);
    std::ofstream to(out, std::ios::binary);
    std::vector<std::byte> raw(static_cast<std::size_t>(instance.pixels.frame_bytes()));
    for (std::int32_t i = 0; i < instance.pixels.frames; ++i) {
      frames.read(i, raw);
      const std::vector<std::int64_t> numbers = stored_numbers(raw, instance.pixels);
      to.write(reinterpret_cast<const char*>(numbers.data()), static_cast<std::streamsize>(numbers.size() * 8));
    }
    std::cout << "read " << instance.pixels.columns << ' ' << instance.pixels.rows << ' ' << instance.pixels.frames
              << '\n';
  } catch (const voxd::Error& error) {
    std::cout << "refused " << error.what() << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 2; i < argc; ++i) probe(argv[i], std::filesystem::path(argv[1]) / std::to_string(i - 2));
}
