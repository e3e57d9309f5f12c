#include "server/decode/dicom_values.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "server/decode/dicom_volume.h"

namespace voxd {
namespace {

struct Range {
  double least = std::numeric_limits<double>::infinity();
  double most = -std::numeric_limits<double>::infinity();
  bool integers = true;

  void include(double value) {
    least = std::min(least, value);
    most = std::max(most, value);
    integers = integers && value == std::floor(value);
  }
};

std::int64_t least_stored(const DicomPixels& pixels) {
  return pixels.is_signed ? -(std::int64_t{1} << (pixels.bits_stored - 1)) : 0;
}
std::int64_t most_stored(const DicomPixels& pixels) {
  return (std::int64_t{1} << (pixels.bits_stored - (pixels.is_signed ? 1 : 0))) - 1;
}

/// The stored bits of one number, moved to the top of 32 bits and back down again with their sign.
template <class Raw, bool is_signed>
struct Bits {
  int up, down;

  explicit Bits(const DicomPixels& pixels) : up(31 - pixels.high_bit), down(32 - pixels.bits_stored) {}

  auto operator()(Raw raw) const {
    const std::uint32_t top = std::uint32_t{raw} << up;
    if constexpr (is_signed)
      return static_cast<std::int32_t>(top) >> down;
    else
      return top >> down;
  }
};

struct Padding {
  std::int64_t least, most;
};

Padding padding_of(const DicomPixels& pixels) {
  const std::int64_t a = *pixels.padding;
  const std::int64_t b = pixels.padding_limit.value_or(a);
  return {std::min(a, b), std::max(a, b)};
}

template <class Raw, bool is_signed, class T>
void convert(const std::byte* stored, std::size_t count, const DicomPixels& pixels, const DicomFrame& frame,
             double padding_value, T* values) {
  const Bits<Raw, is_signed> bits(pixels);
  const auto number = [&](std::size_t i) {
    Raw raw;
    std::memcpy(&raw, stored + i * sizeof(Raw), sizeof raw);
    return bits(raw);
  };
  const bool exact = std::is_integral_v<T> && frame.slope == 1;
  if (exact) {
    const auto intercept = static_cast<std::int32_t>(frame.intercept);
    for (std::size_t i = 0; i < count; ++i)
      values[i] = static_cast<T>(static_cast<std::int32_t>(number(i)) + intercept);
  } else {
    for (std::size_t i = 0; i < count; ++i)
      values[i] = static_cast<T>(frame.slope * static_cast<double>(number(i)) + frame.intercept);
  }
  if (!pixels.padding) return;
  const auto [least, most] = padding_of(pixels);
  for (std::size_t i = 0; i < count; ++i)
    if (const std::int64_t n = number(i); n >= least && n <= most) values[i] = static_cast<T>(padding_value);
}

}  // namespace

DType value_type(const std::vector<DicomInstance>& instances, const std::vector<DicomSlice>& slices) {
  Range range;
  for (const DicomSlice& slice : slices) {
    const DicomInstance& instance = instances[slice.instance];
    const DicomFrame& frame = instance.frames[static_cast<std::size_t>(slice.frame)];
    // Steps that are no integers make fractions even where both ends are none.
    range.integers = range.integers && frame.slope == std::floor(frame.slope);
    range.include(frame.slope * static_cast<double>(least_stored(instance.pixels)) + frame.intercept);
    range.include(frame.slope * static_cast<double>(most_stored(instance.pixels)) + frame.intercept);
    if (instance.pixels.padding) range.include(instance.is_ct ? ct_padding_hu : 0);
  }
  const auto holds = [&]<class T>(T) {
    return range.least >= std::numeric_limits<T>::min() && range.most <= std::numeric_limits<T>::max();
  };
  if (range.integers && holds(std::int16_t{})) return DType::i16;
  if (range.integers && holds(std::uint16_t{})) return DType::u16;
  return DType::f32;
}

template <class T>
void convert_values(std::span<const std::byte> stored, const DicomPixels& pixels, const DicomFrame& frame,
                    double padding_value, T* values) {
  const auto run = [&]<class Raw>(Raw) {
    const std::size_t count = stored.size() / sizeof(Raw);
    if (pixels.is_signed)
      convert<Raw, true>(stored.data(), count, pixels, frame, padding_value, values);
    else
      convert<Raw, false>(stored.data(), count, pixels, frame, padding_value, values);
  };
  switch (pixels.bits_allocated) {
    case 8: run(std::uint8_t{}); break;
    case 16: run(std::uint16_t{}); break;
    default: run(std::uint32_t{});
  }
}

template void convert_values<std::int16_t>(std::span<const std::byte>, const DicomPixels&, const DicomFrame&, double,
                                           std::int16_t*);
template void convert_values<std::uint16_t>(std::span<const std::byte>, const DicomPixels&, const DicomFrame&, double,
                                            std::uint16_t*);
template void convert_values<float>(std::span<const std::byte>, const DicomPixels&, const DicomFrame&, double, float*);

}  // namespace voxd
