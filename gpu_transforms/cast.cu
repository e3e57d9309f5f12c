#include "gpu_transforms/device_volume.h"
#include "gpu_transforms/flat_rows.h"

// What C++ leaves undefined, a floating-point value beyond the integer's range, is defined here as torch's CPU code
// does it: the value becomes 64 bit (for uint8, uint32, uint64, int64) or 32 bit (for the others), the most negative
// number where it does not fit, and of that the low bits are taken.
namespace voxd {
namespace {

template <class From>
VOXD_HD std::int32_t whole32(From value) {
  // In the value's own type, in which loops run on many values at once. What lies between the least number and the
  // whole one below it is cut off to the least number, which is what does not fit becomes as well.
  const bool fits = value >= From{-2147483648} && value < From{2147483648};
  return fits ? static_cast<std::int32_t>(value) : -2147483647 - 1;
}

VOXD_HD std::int64_t whole64(double value) {
  const bool fits = value >= -9223372036854775808.0 && value < 9223372036854775808.0;
  return fits ? static_cast<std::int64_t>(value) : -9223372036854775807 - 1;
}

template <class To, class From>
VOXD_HD To converted(From value) {
  if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    if constexpr (std::is_same_v<To, std::uint64_t>) {
      if (value >= static_cast<From>(9223372036854775808.0))
        return static_cast<To>(whole64(value - static_cast<From>(9223372036854775808.0))) ^ (std::uint64_t{1} << 63);
    }
    // A float32 beyond 32 bits is a multiple of 256, of which a uint8 is 0 like that of what does not fit.
    constexpr bool byte_of_float = std::is_same_v<To, std::uint8_t> && std::is_same_v<From, float>;
    constexpr bool as_64_bits =
        sizeof(To) >= 8 || std::is_same_v<To, std::uint8_t> || std::is_same_v<To, std::uint32_t>;
    if constexpr (as_64_bits && !byte_of_float) {
      return static_cast<To>(whole64(value));
    } else {
      return static_cast<To>(whole32(value));
    }
  } else {
    return static_cast<To>(value);
  }
}

template <class From, class To>
struct CastFlat {
  const From* in;
  To* out;
  VOXD_HD CastFlat at(std::int64_t i) const { return {in + i, out + i}; }
  VOXD_HD void operator()(std::int32_t z) const { out[z] = converted<To>(in[z]); }
};

}  // namespace

DeviceVolume cast_to(const DeviceVolume& volume, DType dtype, Workspace& workspace) {
  if (volume.dtype() == dtype) return volume;
  DeviceVolume result(dtype, volume.channels(), volume.geometry(), workspace);
  visit_dtype(volume.dtype(), [&](auto from) {
    visit_dtype(dtype, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      for_each_flat(workspace.stream(), volume.count(),
                    CastFlat<From, To>{volume.data<From>(), result.mutable_data<To>()});
    });
  });
  return result;
}

}  // namespace voxd
