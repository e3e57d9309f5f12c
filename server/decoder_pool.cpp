#include "server/decoder_pool.h"

#include <utility>

namespace voxd {
namespace {

constexpr const char* program_name = "voxd_decoder";

DecoderPool::Options with_program(DecoderPool::Options options) {
  if (options.program.empty()) options.program = program_beside(program_name);
  return options;
}

}  // namespace

DecoderPool::DecoderPool(Options options) : options_(with_program(std::move(options))) {}

void DecoderPool::check() { put_back(take()); }

void DecoderPool::decode(const CodedFrame& frame, std::span<std::byte> out) {
  std::unique_ptr<DecoderProcess> process = take();
  process->decode(frame, out);  // a process that fails is not put back
  put_back(std::move(process));
}

std::size_t DecoderPool::idle() const {
  const std::lock_guard lock(mutex_);
  return idle_.size();
}

std::unique_ptr<DecoderProcess> DecoderPool::take() {
  for (;;) {
    std::unique_ptr<DecoderProcess> process;
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty()) break;
      process = std::move(idle_.back());
      idle_.pop_back();
    }
    if (process->is_alive()) return process;
  }
  return std::make_unique<DecoderProcess>(options_.program, options_.limits);
}

void DecoderPool::put_back(std::unique_ptr<DecoderProcess> process) {
  if (process->frames() >= options_.most_frames || process->memory_bytes() > options_.most_memory_bytes) return;
  const std::lock_guard lock(mutex_);
  if (idle_.size() < options_.most_idle) idle_.push_back(std::move(process));
}

}  // namespace voxd
