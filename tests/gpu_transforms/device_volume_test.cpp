#include "gpu_transforms/device_volume.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include "gpu_transforms/transfer.h"
#include "tests/gpu_transforms/streams.h"
#include "tests/support/catch.h"

namespace device_volume_test {

using namespace voxd;
using namespace voxd::test;

namespace {

/// A stream with memory: poisoned on the CPU, so that an early or missing write shows.
struct Device {
  explicit Device(const StreamKind& kind)
      : stream(kind.make()), pool(stream->is_cuda() ? cuda_async_allocator() : cpu_allocator(), {0, true}) {}

  std::unique_ptr<Stream> stream;
  MemoryPool pool;
  Workspace workspace{*stream, pool};
};

Geometry geometry_of(const Int3& size) {
  Geometry geometry{size, identity_affine()};
  geometry.affine[0][3] = 12.5;
  return geometry;
}

/// Bytes 0, 1, 2 ... 250, 0, 1 ...
HostVolume counting(DType dtype, std::int32_t channels, const Int3& size) {
  HostVolume volume = make_host_volume(dtype, channels, geometry_of(size));
  for (std::size_t i = 0; i < volume.voxels.size(); ++i) volume.voxels.data()[i] = static_cast<std::byte>(i % 251);
  return volume;
}

bool same_voxels(const HostVolume& a, const HostVolume& b) {
  return a.voxels.size() == b.voxels.size() && std::memcmp(a.voxels.data(), b.voxels.data(), a.voxels.size()) == 0;
}

}  // namespace

TEST_CASE("a volume comes back from the device as it went there", "[device_volume]") {
  const auto kind = GENERATE(from_range(all_streams()));
  const DType dtype = GENERATE(DType::u8, DType::i16, DType::f32, DType::f64, DType::u64);
  CAPTURE(kind, name_of(dtype));
  Device device(kind);
  const HostVolume sent = counting(dtype, 2, {5, 7, 3});
  const DeviceVolume there = upload(sent, device.workspace);
  const HostVolume back = download(there, device.workspace);
  device.stream->synchronize();
  REQUIRE(back.dtype == dtype);
  REQUIRE(back.channels == 2);
  REQUIRE(back.geometry == sent.geometry);
  REQUIRE(same_voxels(sent, back));
}

TEST_CASE("a volume too large for one thread's piece is copied without gaps", "[device_volume]") {
  const auto kind = GENERATE(from_range(all_streams()));
  CAPTURE(kind);
  Device device(kind);
  const HostVolume sent = counting(DType::u8, 1, {1, 3, (4 << 20) / 3 * 3 + 1});
  const HostVolume back = download(upload(sent, device.workspace), device.workspace);
  device.stream->synchronize();
  REQUIRE(same_voxels(sent, back));
}

TEST_CASE("fill_bytes fills all of a large block and nothing behind it", "[device_volume]") {
  const auto kind = GENERATE(from_range(all_streams()));
  CAPTURE(kind);
  Device device(kind);
  const HostVolume sent = counting(DType::u8, 1, {3, 1, 3 << 20});
  const DeviceVolume volume = upload(sent, device.workspace);
  fill_bytes(volume.memory().get(), 7, volume.bytes() - 1, *device.stream);
  HostVolume back = download(volume, device.workspace);
  device.stream->synchronize();
  const auto values = back.as<std::uint8_t>();
  REQUIRE(std::all_of(values.begin(), values.end() - 1, [](std::uint8_t v) { return v == 7; }));
  REQUIRE(values.back() == static_cast<std::uint8_t>(sent.voxels.data()[sent.voxels.size() - 1]));
}

TEST_CASE("on a deferred stream neither upload nor download has happened before synchronize", "[device_volume]") {
  const auto kind = GENERATE(from_range(deferred_streams()));
  CAPTURE(kind);
  Device device(kind);
  HostVolume sent = make_host_volume(DType::f32, 1, geometry_of({2, 2, 2}));
  for (float& value : sent.as<float>()) value = 4;
  const DeviceVolume there = upload(sent, device.workspace);
  REQUIRE(std::isnan(there.data<float>()[0]));
  MemoryPool poisoned(cpu_allocator(), {0, true});
  HostVolume back =
      download(there, device.workspace, [&](std::size_t bytes) { return poisoned.allocate_host_buffer(bytes); });
  REQUIRE(std::isnan(back.as<float>()[7]));
  device.stream->synchronize();
  REQUIRE(back.as<float>()[7] == 4);
}

TEST_CASE("a downloaded volume is right although the device's memory was given up before the copy ran",
          "[device_volume]") {
  Device device(deferred_streams().front());
  const HostVolume sent = counting(DType::f32, 1, {4, 4, 4});
  const HostVolume back = [&] {
    const DeviceVolume there = upload(sent, device.workspace);
    return download(there, device.workspace);
  }();
  device.stream->synchronize();
  REQUIRE(same_voxels(sent, back));
  REQUIRE(device.workspace.bytes_in_use() == 0);
}

TEST_CASE("voxels read as another type are refused by name", "[device_volume]") {
  Device device(immediate_streams().front());
  DeviceVolume volume(DType::i16, 1, geometry_of({2, 2, 2}), device.workspace);
  REQUIRE_NOTHROW(volume.data<std::int16_t>());
  REQUIRE_THROWS_WITH(volume.data<float>(), "volume of int16 read as float32");
  REQUIRE_THROWS_AS(volume.mutable_data<std::uint16_t>(), Error);
}

TEST_CASE("with_affine moves the grid and shares the voxels", "[device_volume]") {
  Device device(immediate_streams().front());
  const DeviceVolume volume(DType::u8, 1, geometry_of({2, 3, 4}), device.workspace);
  const DeviceVolume moved = volume.with_affine(identity_affine());
  REQUIRE(moved.geometry().affine == identity_affine());
  REQUIRE(volume.geometry().affine != identity_affine());
  REQUIRE(moved.size() == volume.size());
  REQUIRE(moved.data<std::uint8_t>() == volume.data<std::uint8_t>());
  REQUIRE(device.workspace.bytes_in_use() == 24);
}

TEST_CASE("an empty volume can be made, moved to the device and back", "[device_volume]") {
  const auto kind = GENERATE(from_range(all_streams()));
  CAPTURE(kind);
  Device device(kind);
  const DeviceVolume there = upload(counting(DType::f32, 3, {0, 5, 5}), device.workspace);
  REQUIRE(there.empty());
  const HostVolume back = download(there, device.workspace);
  device.stream->synchronize();
  REQUIRE(back.geometry.size == Int3{0, 5, 5});
  REQUIRE(back.count() == 0);
}

TEST_CASE("a volume whose size cannot be is refused before memory is asked for", "[device_volume]") {
  Device device(immediate_streams().front());
  const std::int32_t huge = INT32_MAX;
  for (const Int3& size : {Int3{huge, huge, huge}, Int3{-1, 2, 2}}) {
    REQUIRE_THROWS_WITH(DeviceVolume(DType::f64, 1, geometry_of(size), device.workspace), Catch::Contains("volume"));
  }
  REQUIRE(device.pool.statistics().fresh_allocations == 0);
}

TEST_CASE("a host volume with fewer bytes than its shape needs is refused", "[device_volume]") {
  Device device(immediate_streams().front());
  HostVolume volume = counting(DType::f32, 1, {4, 4, 4});
  volume.voxels = allocate_host(255);
  REQUIRE_THROWS_WITH(upload(volume, device.workspace), Catch::Contains("255") && Catch::Contains("256"));
}

TEST_CASE("wrapped memory lives as long as a volume that shares it", "[device_volume]") {
  bool freed = false;
  auto* memory = new std::byte[8];
  DeviceVolume copy;
  {
    std::shared_ptr<std::byte> owner(memory, [&](std::byte* p) {
      freed = true;
      delete[] p;
    });
    const DeviceVolume wrapped(DType::u8, 1, geometry_of({2, 2, 2}), std::move(owner));
    copy = wrapped.with_affine(identity_affine());
  }
  REQUIRE_FALSE(freed);
  REQUIRE(copy.memory().get() == memory);
  copy = DeviceVolume();
  REQUIRE(freed);
  REQUIRE_THROWS_AS(DeviceVolume(DType::u8, 1, geometry_of({1, 1, 1}), nullptr), Error);
}

}  // namespace device_volume_test
