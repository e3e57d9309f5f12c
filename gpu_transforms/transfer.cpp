#include "gpu_transforms/transfer.h"

#include <algorithm>
#include <cstring>

#include "gpu_transforms/cpu_stream.h"
#include "gpu_transforms/cuda_calls.h"

namespace voxd {
namespace {

// Large enough that handing a piece to another thread costs nothing beside moving it.
constexpr std::size_t kPiece = std::size_t{4} << 20;

/// Calls f(offset, size) for pieces that cover `bytes`, on the stream's threads.
template <class F>
void for_each_piece(CpuStream& stream, std::size_t bytes, F f) {
  const auto pieces = static_cast<std::int64_t>((bytes + kPiece - 1) / kPiece);
  stream.run_tasks(pieces, [&](std::int64_t i) {
    const std::size_t offset = static_cast<std::size_t>(i) * kPiece;
    f(offset, std::min(kPiece, bytes - offset));
  });
}

}  // namespace

void copy_bytes(void* to, const void* from, std::size_t bytes, Direction direction, Stream& stream) {
  if (bytes == 0) return;
  if (stream.is_cuda()) return cuda_copy_bytes(to, from, bytes, direction, stream);
  CpuStream& cpu = as_cpu_stream(stream);
  cpu.enqueue([=, &cpu] {
    for_each_piece(cpu, bytes, [=](std::size_t offset, std::size_t size) {
      std::memcpy(static_cast<std::byte*>(to) + offset, static_cast<const std::byte*>(from) + offset, size);
    });
  });
}

void fill_bytes(void* memory, unsigned char value, std::size_t bytes, Stream& stream) {
  if (bytes == 0) return;
  if (stream.is_cuda()) return cuda_fill_bytes(memory, value, bytes, stream);
  CpuStream& cpu = as_cpu_stream(stream);
  cpu.enqueue([=, &cpu] {
    for_each_piece(cpu, bytes, [=](std::size_t offset, std::size_t size) {
      std::memset(static_cast<std::byte*>(memory) + offset, value, size);
    });
  });
}

}  // namespace voxd
