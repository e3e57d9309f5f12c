#include "server/decode/decoder_child.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>

#include "gpu_transforms/volume/error.h"
#include "server/decode/decoder_confinement.h"
#include "server/decode/decoder_protocol.h"
#include "server/decode/dicom_dataset.h"

namespace voxd {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

FrameReply reply_of(FrameVerdict verdict, const char* reason = "") {
  FrameReply reply{verdict, {}};
  std::strncpy(reply.reason.data(), reason, reply.reason.size() - 1);
  return reply;
}

bool send(const FrameReply& reply) { return ::write(kDecoderSocket, &reply, sizeof reply) == sizeof reply; }

/// The next request; none when the server has gone.
std::optional<FrameRequest> receive() {
  FrameRequest request;
  if (::read(kDecoderSocket, &request, sizeof request) != sizeof request) return std::nullopt;
  return request;
}

/// The memory shared with the server, which lets it grow.
class SharedBytes {
 public:
  std::span<std::byte> of_size(std::size_t size) {
    if (size == bytes_.size()) return bytes_;
    if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
    bytes_ = {};
    void* const mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, kDecoderMemory, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    return bytes_ = {static_cast<std::byte*>(mapped), size};
  }

 private:
  std::span<std::byte> bytes_;
};

/// While it lives the process has that long to live.
class Alarm {
 public:
  explicit Alarm(long milliseconds) { set(milliseconds); }
  ~Alarm() { set(0); }
  Alarm(const Alarm&) = delete;

 private:
  static void set(long milliseconds) {
    const itimerval until{{0, 0}, {milliseconds / 1000, milliseconds % 1000 * 1000}};
    ::setitimer(ITIMER_REAL, &until, nullptr);
  }
};

FrameReply answer(const FrameRequest& request, SharedBytes& memory, const FrameDecoder& decode) {
  try {
    const std::span<std::byte> bytes = memory.of_size(request.memory_bytes);
    const DicomPixels pixels{.rows = request.rows,
                             .columns = request.columns,
                             .bits_allocated = request.bits_allocated,
                             .bits_stored = request.bits_stored,
                             .high_bit = request.high_bit,
                             .is_signed = request.is_signed != 0};
    const auto frame_bytes = static_cast<std::size_t>(pixels.frame_bytes());
    decode({request.transfer_syntax.data(), pixels, bytes.first(request.stream_bytes)},
           bytes.subspan(request.frame_offset, frame_bytes));
    return reply_of(FrameVerdict::decoded);
  } catch (const Error& error) {
    return reply_of(FrameVerdict::refused, error.what());
  } catch (const std::bad_alloc&) {
    return reply_of(FrameVerdict::out_of_memory);
  }
}

/// What is done once and needs the system: dictionary and codecs, and what the first exception looks up.
void prepare() {
  // A terminal or a service manager tells all of a server's processes to stop; this one stops after the server.
  for (const int stop : {SIGINT, SIGTERM, SIGHUP}) ::signal(stop, SIG_IGN);
  prepare_dcmtk();
  try {
    fail(Code::internal, "decoder: ", 0);
  } catch (const Error&) {
  }
}

}  // namespace

int run_decoder(int argc, char** argv, const FrameDecoder& decode) {
  const long limit_ms = argc == 2 ? std::strtol(argv[1], nullptr, 10) : 0;
  if (limit_ms <= 0) {
    std::fprintf(stderr, "usage: %s MILLISECONDS (started by voxd)\n", argv[0]);
    return kUsage;
  }
  try {
    prepare();
    confine_decoder();
  } catch (const std::exception& error) {
    send(reply_of(FrameVerdict::refused, error.what()));
    return kFailed;
  }
  SharedBytes memory;
  bool heard = send(reply_of(FrameVerdict::ready));
  while (heard) {
    const auto request = receive();
    if (!request) break;
    const Alarm alarm(limit_ms);
    heard = send(answer(*request, memory, decode));
  }
  return 0;
}

}  // namespace voxd
