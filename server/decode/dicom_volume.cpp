#include "server/decode/dicom_volume.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "gpu_transforms/volume/checked.h"
#include "server/decode/dicom_file.h"
#include "server/decode/dicom_frames.h"
#include "server/decode/dicom_values.h"
#include "server/decode/reverse_axes.h"

namespace voxd {
namespace {

constexpr std::int64_t slab_bytes = std::int64_t{32} << 20;

/// Runs task(0) ... task(count - 1) on up to `threads` threads, this one included; throws the first failure by index.
void run_tasks(std::size_t count, int threads, const std::function<void(std::size_t)>& task) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::pair<std::size_t, std::exception_ptr> failure{count, nullptr};
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        task(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (i < failure.first) failure = {i, std::current_exception()};
        next = count;
      }
    }
  };
  {
    std::vector<std::jthread> others;
    const std::size_t helpers = std::min(count, static_cast<std::size_t>(std::max(threads, 1))) - (count > 0 ? 1 : 0);
    for (std::size_t i = 0; i < helpers; ++i) others.emplace_back(work);
    work();
  }
  if (failure.second) std::rethrow_exception(failure.second);
}

/// An error of one file says which.
template <class F>
auto in_file(const DicomDecoding& how, std::size_t file, F f) {
  try {
    return f();
  } catch (const Error& error) {
    throw Error(error.code(), how.name_of(file) + ": " + error.what());
  }
}

/// Files of several frames are parsed once, before their slices are shared out.
using MultiFrameFiles = std::map<std::size_t, DicomFrames>;

MultiFrameFiles parse_multi_frame(const DicomSource& source, const std::vector<std::span<const std::byte>>& files,
                                  const DicomDecoding& how) {
  MultiFrameFiles parsed;
  for (const DicomSlice& slice : source.series.slices) {
    const std::size_t file = slice.instance;
    if (source.instances[file].pixels.frames == 1 || parsed.contains(file)) continue;
    parsed.emplace(file,
                   in_file(how, file, [&] { return DicomFrames(files[file], source.instances[file], how.limits); }));
  }
  return parsed;
}

/// Planes [first, first + planes), one after the other at `values`, to their places in the volume.
template <class T>
void turn(const T* values, std::int64_t first, std::int64_t planes, int threads, HostVolume& volume) {
  const auto [columns, rows, depth] = volume.geometry.size;
  const std::array<std::int64_t, 3> size{columns, rows, depth};
  const std::int64_t shares = std::clamp(threads, 1, rows);
  run_tasks(static_cast<std::size_t>(shares), threads, [&](std::size_t task) {
    const auto share = static_cast<std::int64_t>(task);
    reverse_axes(
        values, volume.as<T>().data(), size, first, planes,
        [](const T* from, std::int64_t count, T* to) { std::copy_n(from, count, to); }, size[1] * share / shares,
        size[1] * (share + 1) / shares);
  });
}

template <class T>
void decode_into(const DicomSource& source, const std::vector<std::span<const std::byte>>& files,
                 const DicomDecoding& how, HostVolume& volume) {
  const auto [columns, rows, depth] = volume.geometry.size;
  const std::int64_t plane = std::int64_t{columns} * rows;
  const std::vector<DicomSlice>& slices = source.series.slices;
  const auto planes = static_cast<std::size_t>(std::clamp<std::int64_t>(
      slab_bytes / (plane * static_cast<std::int64_t>(sizeof(T))), std::min(how.threads, depth), depth));
  HostBuffer slab = allocate_host(planes * static_cast<std::size_t>(plane) * sizeof(T));
  T* const values = reinterpret_cast<T*>(slab.data());
  MultiFrameFiles multi_frame = parse_multi_frame(source, files, how);

  for (std::size_t first = 0; first < slices.size(); first += planes) {
    const std::size_t end = std::min(slices.size(), first + planes);
    run_tasks(end - first, how.threads, [&](std::size_t task) {
      const DicomSlice& slice = slices[first + task];
      const DicomInstance& instance = source.instances[slice.instance];
      in_file(how, slice.instance, [&] {
        std::vector<std::byte> stored(static_cast<std::size_t>(instance.pixels.frame_bytes()));
        if (const auto found = multi_frame.find(slice.instance); found != multi_frame.end())
          found->second.read(slice.frame, stored, how.decode_frame);
        else
          DicomFrames(files[slice.instance], instance, how.limits).read(slice.frame, stored, how.decode_frame);
        convert_values(stored, instance.pixels, instance.frames[static_cast<std::size_t>(slice.frame)],
                       instance.is_ct ? ct_padding_hu : 0, values + static_cast<std::int64_t>(task) * plane);
      });
    });
    turn(values, static_cast<std::int64_t>(first), static_cast<std::int64_t>(end - first), how.threads, volume);
    how.progress(static_cast<double>(end) / static_cast<double>(slices.size()));
  }
}

}  // namespace

DicomSource open_dicom_series(const std::vector<std::span<const std::byte>>& files, const DicomDecoding& how) {
  DicomSource source;
  source.instances.resize(files.size());
  run_tasks(files.size(), how.threads, [&](std::size_t i) {
    source.instances[i] = in_file(how, i, [&] { return read_dicom_instance(files[i], how.limits); });
  });
  source.series = assemble_series(source.instances, how.limits);
  source.dtype = value_type(source.instances, source.series.slices);
  const Int3& size = source.series.geometry.size;
  const std::int64_t bytes =
      checked_product({size[0], size[1], size[2], static_cast<std::int64_t>(size_of(source.dtype))}, "series");
  if (bytes > how.limits.max_bytes)
    fail(Code::invalid_argument, "series: ", to_string(size), " voxels of ", name_of(source.dtype), " are ", bytes,
         " bytes, at most ", how.limits.max_bytes);
  return source;
}

HostVolume decode_dicom_series(const DicomSource& source, const std::vector<std::span<const std::byte>>& files,
                               const HostAllocator& allocate, const DicomDecoding& how) {
  HostVolume volume = make_host_volume(source.dtype, 1, source.series.geometry, allocate);
  switch (source.dtype) {
    case DType::i16: decode_into<std::int16_t>(source, files, how, volume); break;
    case DType::u16: decode_into<std::uint16_t>(source, files, how, volume); break;
    default: decode_into<float>(source, files, how, volume);
  }
  return volume;
}

}  // namespace voxd
