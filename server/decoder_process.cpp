#include "server/decoder_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "gpu_transforms/volume/checked.h"
#include "gpu_transforms/volume/error.h"
#include "server/printable.h"

extern char** environ;

namespace voxd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t page_bytes = 4096;

[[noreturn]] void fail_here(const char* what) { fail(Code::internal, "decoder: ", what, ": ", std::strerror(errno)); }

std::size_t rounded_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

/// Nothing of the environment but what sanitizers go by: a process that was taken over could tell of it.
std::vector<std::string> environment_of_decoder() {
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    if (text.substr(0, text.find('=')).ends_with("SAN_OPTIONS")) environment.emplace_back(text);
  }
  return environment;
}

/// Memory that cannot be cut short, whatever becomes of the process that shares it.
FileDescriptor make_memory() {
  FileDescriptor file(::memfd_create("voxd_decoder", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.is_open()) fail_here("shared memory");
  if (::fcntl(file.number(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) != 0) fail_here("seal");
  return file;
}

std::pair<FileDescriptor, FileDescriptor> make_sockets() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) fail_here("socket");
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

FrameRequest request_of(const CodedFrame& frame, std::size_t frame_offset, std::size_t memory_bytes) {
  const DicomPixels& pixels = frame.pixels;
  FrameRequest request{.memory_bytes = memory_bytes,
                       .stream_bytes = frame.stream.size(),
                       .frame_offset = frame_offset,
                       .rows = pixels.rows,
                       .columns = pixels.columns,
                       .bits_allocated = pixels.bits_allocated,
                       .bits_stored = pixels.bits_stored,
                       .high_bit = pixels.high_bit,
                       .is_signed = pixels.is_signed,
                       .transfer_syntax = {}};
  if (frame.transfer_syntax.size() >= request.transfer_syntax.size())
    fail(Code::invalid_argument, "transfer syntax: ", frame.transfer_syntax.size(), " characters, at most 64");
  std::copy(frame.transfer_syntax.begin(), frame.transfer_syntax.end(), request.transfer_syntax.begin());
  return request;
}

/// What the process says is as little to be trusted as what it was given.
std::string reason_of(const FrameReply& reply) {
  const std::string_view text(reply.reason.data(), ::strnlen(reply.reason.data(), reply.reason.size()));
  return printable(std::string(text), reply.reason.size());
}

[[noreturn]] void fail_frame(const char* what) { fail(Code::invalid_argument, "compressed frame: ", what); }

}  // namespace

DecoderProcess::DecoderProcess(const std::filesystem::path& program, const DecoderLimits& limits)
    : frame_limit_(limits.frame), file_(make_memory()) {
  auto [ours, theirs] = make_sockets();
  socket_ = std::move(ours);
  // It ends itself a little after this process would have ended it: for the case that this one is gone by then.
  const std::string own_limit = std::to_string((frame_limit_ + std::chrono::seconds(1)).count());
  child_.emplace(
      start_child(program, {own_limit},
                  {.input = theirs.number(), .extra = file_.number(), .environment = environment_of_decoder()}));
  theirs = {};
  const auto first = reply_within(limits.start);
  if (!first)
    fail(Code::internal, "decoder: not ready within ", std::chrono::duration<double>(limits.start).count(), " s");
  if (first->verdict != FrameVerdict::ready) fail(Code::failed_precondition, reason_of(*first));
  subject_ = "compressed frame: its decoder";
}

DecoderProcess::~DecoderProcess() {
  if (!memory_.empty()) ::munmap(memory_.data(), memory_.size());
}

ChildEnd DecoderProcess::Child::end() {
  if (!end_) {
    // Does nothing to one that is about to end: how it does is settled before its socket closes.
    ::kill(process_, SIGKILL);
    end_ = wait_for_child(process_);
  }
  return *end_;
}

bool DecoderProcess::is_alive() const {
  pollfd waiting{socket_.number(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 0;
}

void DecoderProcess::decode(const CodedFrame& frame, std::span<std::byte> out) {
  const std::size_t frame_offset = rounded_up(frame.stream.size(), kFrameAlignment);
  grow(rounded_up(static_cast<std::size_t>(checked_sum(static_cast<std::int64_t>(frame_offset),
                                                       frame.pixels.frame_bytes(), "compressed frame")),
                  page_bytes));
  const FrameRequest request = request_of(frame, frame_offset, memory_.size());
  std::copy(frame.stream.begin(), frame.stream.end(), memory_.begin());
  if (::send(socket_.number(), &request, sizeof request, MSG_NOSIGNAL) != sizeof request) explain_end();
  const auto reply = reply_within(frame_limit_);
  if (!reply) fail_late();
  switch (reply->verdict) {
    case FrameVerdict::decoded: break;
    case FrameVerdict::refused: fail(Code::invalid_argument, reason_of(*reply));
    case FrameVerdict::out_of_memory: fail_frame("its decoder needs more memory than it is given");
    default: fail_frame("its decoder gave an answer that is none");
  }
  const std::span<const std::byte> decoded = memory_.subspan(frame_offset, out.size());
  std::copy(decoded.begin(), decoded.end(), out.begin());
  ++frames_;
}

void DecoderProcess::grow(std::size_t bytes) {
  if (bytes <= memory_.size()) return;
  if (::ftruncate(file_.number(), static_cast<off_t>(bytes)) != 0)
    fail(Code::resource_exhausted, "decoder: ", bytes, " bytes of shared memory: ", std::strerror(errno));
  void* const mapped = memory_.empty() ? ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_.number(), 0)
                                       : ::mremap(memory_.data(), memory_.size(), bytes, MREMAP_MAYMOVE);
  if (mapped == MAP_FAILED)
    fail(Code::resource_exhausted, "decoder: ", bytes, " bytes of shared memory: ", std::strerror(errno));
  memory_ = {static_cast<std::byte*>(mapped), bytes};
}

std::optional<FrameReply> DecoderProcess::reply_within(std::chrono::milliseconds limit) {
  const Clock::time_point until = Clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd waiting{socket_.number(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::clamp<long long>(left, 0, 1'000'000)));
    if (ready < 0 && errno != EINTR) fail_here("poll");
    if (ready > 0) break;
    if (left <= 0) return std::nullopt;
  }
  FrameReply reply{};
  const ssize_t received = ::recv(socket_.number(), &reply, sizeof reply, 0);
  if (received <= 0) explain_end();
  if (received != sizeof reply) fail_frame("its decoder gave an answer that is none");
  return reply;
}

void DecoderProcess::explain_end() {
  const ChildEnd end = child_->end();
  if (end.signal == SIGALRM) fail_late();
  if (end.signal == SIGKILL)
    fail(Code::resource_exhausted, subject_, " was killed (signal 9), as when memory runs out");
  if (end.signal == SIGSYS)
    fail(Code::invalid_argument, subject_, " was ended because it did what decoders may not (signal 31)");
  if (end.signal != 0) {
    const char* const name = ::sigdescr_np(end.signal);
    fail(Code::invalid_argument, subject_, " crashed (signal ", end.signal, ", ", name ? name : "unknown", ")");
  }
  fail(Code::invalid_argument, subject_, " crashed (status ", end.status, ")");
}

void DecoderProcess::fail_late() {
  fail(Code::invalid_argument, "compressed frame: not decoded within ",
       std::chrono::duration<double>(frame_limit_).count(), " s");
}

}  // namespace voxd
