// What a compressed slice costs, decoded in this process and in one of its own: dicom_bench [ROUNDS]
// A slice is 512x512 pixels of 12 bits, a smooth image under noise; one thread; the median of the rounds.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "server/decode/dicom_file.h"
#include "server/decode/dicom_frames.h"
#include "server/decoder_pool.h"
#include "tests/support/dicom_builder.h"
#include "tests/support/dicom_compressed.h"

namespace {

using namespace voxd;
using namespace voxd::test;
using Clock = std::chrono::steady_clock;

constexpr std::uint16_t side = 512;

std::vector<std::uint16_t> image() {
  std::mt19937 random(1);
  std::normal_distribution<double> noise(0, 6);
  std::vector<std::uint16_t> pixels;
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      const double smooth = 1000 + 300 * std::sin(x * 0.03) * std::cos(y * 0.02);
      pixels.push_back(static_cast<std::uint16_t>(std::clamp(smooth + noise(random), 0.0, 4095.0)));
    }
  return pixels;
}

DicomDataset slice_of(const std::vector<std::uint16_t>& pixels) {
  DicomDataset slice = ct_slice(0);
  slice.number(tag::rows, side);
  slice.number(tag::columns, side);
  slice[tag::pixel_data].words = pixels;
  return slice;
}

std::vector<std::byte> file_of(const DicomDataset& slice, const std::string& syntax) {
  const std::vector<std::uint16_t>& pixels = slice.at(tag::pixel_data).words;
  if (syntax == explicit_little) return dicom_bytes(slice);
  if (syntax == jpeg_ls_lossless) return dicom_bytes(slice, syntax, {jpeg_ls_stream(pixels, side, side, 12)});
  if (syntax == jpeg2000_lossless) return dicom_bytes(slice, syntax, {jpeg2000_stream(pixels, side, side, 12)});
  return compressed_by_dcmtk(dicom_bytes(slice), syntax);
}

template <class Work>
double median_ms(int rounds, Work work) {
  work();
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    const Clock::time_point start = Clock::now();
    work();
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[static_cast<std::size_t>(rounds / 2)];
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 51;
  const DicomDataset slice = slice_of(image());
  DecoderPool pool({});
  const FrameDecoder elsewhere = [&pool](const CodedFrame& frame, std::span<std::byte> out) {
    pool.decode(frame, out);
  };
  std::printf("ms per slice of 512x512, 12 bits     here  elsewhere\n");
  for (const auto& [name, syntax] : {std::pair{"uncompressed", explicit_little},
                                     {"RLE", run_length},
                                     {"JPEG lossless", jpeg_lossless_sv1},
                                     {"JPEG-LS", jpeg_ls_lossless},
                                     {"JPEG 2000 lossless", jpeg2000_lossless}}) {
    const std::vector<std::byte> file = file_of(slice, syntax);
    const DicomInstance instance = read_dicom_instance(file, {});
    std::vector<std::byte> out(static_cast<std::size_t>(instance.pixels.frame_bytes()));
    const auto read = [&](const FrameDecoder& decoder) { DicomFrames(file, instance, {}).read(0, out, decoder); };
    const double here = median_ms(rounds, [&] { read(decode_frame); });
    std::printf("%-30s %10.3f %10.3f\n", name, here, median_ms(rounds, [&] { read(elsewhere); }));
  }
}
