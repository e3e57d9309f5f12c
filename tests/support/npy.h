#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "gpu_transforms/volume/host_volume.h"

namespace voxd::test {

/// A NumPy array of any rank in host memory: native byte order, C order (the last axis lies contiguous).
struct NpyArray {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  HostBuffer data;

  /// Number of elements: the product of the shape, 1 for a scalar.
  std::int64_t count() const;

  template <class T>
  std::span<T> as() {
    require(dtype_of<T>);
    return {reinterpret_cast<T*>(data.data()), static_cast<std::size_t>(count())};
  }
  template <class T>
  std::span<const T> as() const {
    require(dtype_of<T>);
    return {reinterpret_cast<const T*>(data.data()), static_cast<std::size_t>(count())};
  }

 private:
  void require(DType asked) const {
    if (asked != dtype) fail(Code::internal, "array of ", name_of(dtype), " read as ", name_of(asked));
  }
};

/// An array of that shape with uninitialised elements.
NpyArray make_npy(DType dtype, std::vector<std::int64_t> shape);

/// Reads a .npy file (format 1.0 to 3.0, little or big endian, C order; bool arrives as u8).
/// Throws Error{not_found} if the file cannot be opened, Error{invalid_argument} if it is not such a file.
NpyArray read_npy(const std::filesystem::path& file);

/// Writes a .npy file, format 1.0. Throws Error{internal} if the file cannot be written.
void write_npy(const std::filesystem::path& file, const NpyArray& array);

/// The array as a volume that takes over its memory: [X,Y,Z] is one channel, [C,X,Y,Z] is C of them, any other rank is
/// refused.
HostVolume to_volume(NpyArray array, const Affine& affine = identity_affine());

/// A copy of the volume as an array [C,X,Y,Z].
NpyArray to_npy(const HostVolume& volume);

}  // namespace voxd::test
