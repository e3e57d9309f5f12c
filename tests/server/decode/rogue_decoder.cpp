// A decoder that does what it reads in the stream: for tests of what becomes of decoders that were taken over.
// Everything else of it, its confinement above all, is voxd_decoder's.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "gpu_transforms/volume/error.h"
#include "server/decode/decoder_child.h"
#include "server/decode/decoder_protocol.h"

namespace {

using voxd::CodedFrame;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif

void hang() {
  for (volatile bool forever = true; forever;) {
  }
}

/// Sanitizers leave no room for a limit of the address space; they have one for a single allocation.
void take_all_memory() {
  const std::size_t piece = is_sanitized ? std::size_t{1} << 42 : std::size_t{16} << 20;
  for (std::vector<char*> pieces;; pieces.push_back(new char[piece])) {
    if (!pieces.empty()) std::memset(pieces.back(), 1, piece);
  }
}

void send_rubbish(std::size_t bytes) {
  const std::vector<char> rubbish(bytes, 'x');
  if (::write(voxd::kDecoderSocket, rubbish.data(), bytes) < 0) std::abort();
}

void claim_to_be_ready() {
  voxd::FrameReply reply{voxd::FrameVerdict::ready, {}};
  if (::write(voxd::kDecoderSocket, &reply, sizeof reply) < 0) std::abort();
}

void write_address_zero() { *reinterpret_cast<volatile int*>(::getpid() & 0) = 1; }

const std::map<std::string, void (*)()> deeds{
    {"abort", [] { std::abort(); }},
    {"segv", write_address_zero},
    {"exit", [] { std::_Exit(7); }},
    {"hang", hang},
    {"bomb", take_all_memory},
    {"rubbish", [] { send_rubbish(10); }},
    {"nothing", [] { ::syscall(SYS_write, voxd::kDecoderSocket, "", 0); }},
    {"ready", claim_to_be_ready},
    {"refuse", [] { voxd::fail(voxd::Code::invalid_argument, "bad\n\x1b[31m", std::string(1000, 'x')); }},
    {"open", [] { ::syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY); }},
    {"create", [] { ::syscall(SYS_openat, AT_FDCWD, "/tmp/rogue", O_CREAT | O_WRONLY, 0600); }},
    {"socket", [] { ::syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }},
    {"connect", [] { ::syscall(SYS_connect, voxd::kDecoderSocket, nullptr, 0); }},
    {"sendmsg", [] { ::syscall(SYS_sendmsg, voxd::kDecoderSocket, nullptr, 0); }},
    {"fork", [] { ::syscall(SYS_fork); }},
    {"clone", [] { ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }},
    {"exec", [] { ::syscall(SYS_execve, "/bin/true", nullptr, nullptr); }},
    {"kill", [] { ::syscall(SYS_kill, ::syscall(SYS_getpid) + 1, 0); }},
    {"tgkill", [] { ::syscall(SYS_tgkill, 1, 1, 0); }},
    {"ptrace", [] { ::syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }},
    {"truncate", [] { ::syscall(SYS_ftruncate, voxd::kDecoderMemory, 0); }},
    {"executable",
     [] { ::syscall(SYS_mmap, nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }},
    {"seccomp", [] { ::syscall(SYS_seccomp, 0, 0, nullptr); }},
    {"fine", [] {}},
};

/// The frame is the process' number then.
void obey(const CodedFrame& frame, std::span<std::byte> out) {
  const std::string wish(reinterpret_cast<const char*>(frame.stream.data()), frame.stream.size());
  if (const auto deed = deeds.find(wish); deed != deeds.end())
    deed->second();
  else
    std::abort();
  const pid_t process = ::getpid();
  std::memcpy(out.data(), &process, std::min(out.size(), sizeof process));
}

}  // namespace

int main(int argc, char** argv) { std::_Exit(voxd::run_decoder(argc, argv, obey)); }
