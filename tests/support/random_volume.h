#pragma once

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>

#include "gpu_transforms/volume/host_volume.h"
#include "tests/support/catch.h"

namespace voxd::test {

/// Random test data. The seed is fixed, or VOXD_TEST_SEED; print it with the failure: CAPTURE(random.seed()).
class Random {
 public:
  explicit Random(std::uint64_t offset = 0) : seed_(seed_from_environment() + offset), engine_(seed_) {}

  std::uint64_t seed() const { return seed_; }
  int between(int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine_); }
  double real(double low, double high) { return std::uniform_real_distribution<double>(low, high)(engine_); }
  bool one_in(int n) { return between(1, n) == 1; }

  /// Sizes of all kinds: often small, one voxel thin, or longer than a 64-bit word of a mask.
  Int3 size(int longest = 24) {
    Int3 size;
    for (auto& n : size) n = one_in(5) ? 1 : between(1, longest);
    if (one_in(3)) size[2] = between(60, 140);
    return size;
  }

  /// An axis permutation with flips, spacing and, if `oblique`, a small rotation and shear.
  Affine affine(bool oblique = true) {
    int axes[3] = {0, 1, 2};
    std::shuffle(axes, axes + 3, engine_);
    Affine affine = identity_affine();
    for (int a = 0; a < 3; ++a) {
      for (int b = 0; b < 3; ++b) affine[b][a] = oblique ? real(-0.15, 0.15) : 0;
      affine[axes[a]][a] = (one_in(2) ? 1 : -1) * real(0.5, 3);
      affine[a][3] = real(-100, 100);
    }
    return affine;
  }

  /// Intensities of T: for floating point also NaN, infinities, denormals and both zeros when `special`.
  template <class T>
  T value(bool special) {
    if constexpr (std::is_floating_point_v<T>) {
      if (special && one_in(20)) {
        const T odd[] = {std::numeric_limits<T>::quiet_NaN(),
                         std::numeric_limits<T>::infinity(),
                         -std::numeric_limits<T>::infinity(),
                         std::numeric_limits<T>::denorm_min(),
                         T{0},
                         -T{0},
                         std::numeric_limits<T>::max()};
        return odd[between(0, 6)];
      }
      return static_cast<T>(real(-1000, 1000));
    } else {
      if (one_in(10)) return one_in(2) ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
      return static_cast<T>(between(std::is_signed_v<T> ? -100 : 0, 100));
    }
  }

  HostVolume intensities(DType dtype, std::int32_t channels, const Int3& size, bool special = true) {
    HostVolume volume = make_host_volume(dtype, channels, {size, affine()});
    visit_dtype(dtype, [&](auto zero) {
      for (auto& voxel : volume.as<decltype(zero)>()) voxel = value<decltype(zero)>(special);
    });
    return volume;
  }

  /// Labels 0..labels, of which 0 has about the given share.
  HostVolume labels(DType dtype, std::int32_t channels, const Int3& size, int labels, double background) {
    HostVolume volume = make_host_volume(dtype, channels, {size, affine()});
    visit_dtype(dtype, [&](auto zero) {
      for (auto& voxel : volume.as<decltype(zero)>())
        voxel = static_cast<decltype(zero)>(real(0, 1) < background ? 0 : between(1, labels));
    });
    return volume;
  }

 private:
  static std::uint64_t seed_from_environment() {
    const char* text = std::getenv("VOXD_TEST_SEED");
    return text != nullptr ? std::stoull(text) : 20261;
  }

  std::uint64_t seed_;
  std::mt19937_64 engine_;
};

}  // namespace voxd::test
