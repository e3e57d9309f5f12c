#include "server/decoder_pool.h"

#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "server/decode/dicom_volume.h"
#include "tests/support/catch.h"
#include "tests/support/code_of.h"
#include "tests/support/dicom_builder.h"
#include "tests/support/dicom_compressed.h"

namespace voxd::decoder_pool_test {
namespace {

using namespace test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Bytes = std::vector<std::byte>;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif

/// What act() throws says; "" if it throws nothing.
template <class Act>
std::string message_of(Act act) {
  try {
    act();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

DecoderPool::Options rogue(DecoderPool::Options options = {}) {
  options.program = program_beside("rogue_decoder");
  return options;
}

/// What a rogue decoder does with the frame: the number of its process.
pid_t ask(DecoderPool& pool, const std::string& wish) {
  const DicomPixels pixels{.rows = 2, .columns = 2};
  std::array<std::byte, 8> out{};
  pool.decode({"1.2", pixels, std::as_bytes(std::span(wish))}, out);
  pid_t process = 0;
  std::memcpy(&process, out.data(), sizeof process);
  return process;
}

std::string failure(DecoderPool& pool, const std::string& wish) {
  return message_of([&] { ask(pool, wish); });
}

std::ptrdiff_t open_descriptors() {
  const std::filesystem::directory_iterator folder("/proc/self/fd");
  return std::distance(begin(folder), end(folder));
}

/// Waits until a process that was sent a signal has ended; it stays known until its parent asks.
void await_end(pid_t process) {
  for (std::string state; state != "Z" && state != "X";) {
    std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
    std::string number, name;
    if (!(stat >> number >> name >> state)) return;
    std::this_thread::yield();
  }
}

HostVolume decode_series(const std::vector<Bytes>& files, const FrameDecoder& decoder) {
  const std::vector<std::span<const std::byte>> spans(files.begin(), files.end());
  const DicomDecoding how{.threads = 2, .decode_frame = decoder};
  return decode_dicom_series(open_dicom_series(spans, how), spans, allocate_host, how);
}

FrameDecoder decoder_of(DecoderPool& pool) {
  return [&pool](const CodedFrame& frame, std::span<std::byte> out) { pool.decode(frame, out); };
}

TEST_CASE("a series decoded in other processes is the one decoded in this", "[dicom][decoders]") {
  const std::string syntax = GENERATE(as<std::string>{}, run_length, jpeg_extended, jpeg_lossless, jpeg_lossless_sv1,
                                      jpeg_ls_lossless, jpeg2000_lossless);
  CAPTURE(syntax);
  const std::vector<Bytes> files = compressed_ct_series(syntax);
  DecoderPool pool({});
  const HostVolume there = decode_series(files, decoder_of(pool)), here = decode_series(files, decode_frame);
  CHECK(there.geometry == here.geometry);
  const auto a = there.as<std::int16_t>(), b = here.as<std::int16_t>();
  CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
  CHECK(pool.idle() >= 1);
  CHECK(pool.idle() <= 2);
}

TEST_CASE("an uncompressed series needs no other process", "[dicom][decoders]") {
  DecoderPool pool({});
  std::vector<Bytes> files;
  for (const DicomDataset& slice : ct_slices(3)) files.push_back(dicom_bytes(slice));
  decode_series(files, decoder_of(pool));
  CHECK(pool.idle() == 0);
}

TEST_CASE("a damaged stream is refused with the codec's reason and its file", "[dicom][decoders]") {
  DecoderPool pool({});
  std::vector<Bytes> files = compressed_ct_series(jpeg2000_lossless);
  DicomDataset slice = ct_slice(0);
  Bytes stream = jpeg2000_stream(slice[tag::pixel_data].words, 4, 3, 12);
  stream.resize(stream.size() / 4 * 2);
  files[1] = dicom_bytes(ct_slices(3)[1], jpeg2000_lossless, {stream});
  CHECK(message_of([&] { decode_series(files, decoder_of(pool)); }) ==
        message_of([&] { decode_series(files, decode_frame); }));
  CHECK_THAT(message_of([&] { decode_series(files, decoder_of(pool)); }),
             Contains("file 2: compressed frame: ") && Contains("JPEG 2000 codestream"));
}

TEST_CASE("a decoder that crashes, ends or lies fails its frame, and the next is decoded", "[dicom][decoders]") {
  DecoderPool pool(rogue());
  CHECK(failure(pool, "abort") == "compressed frame: its decoder crashed (signal 6, Aborted)");
  CHECK(failure(pool, "exit") == "compressed frame: its decoder crashed (status 7)");
  CHECK(failure(pool, "rubbish") == "compressed frame: its decoder gave an answer that is none");
  CHECK(failure(pool, "ready") == "compressed frame: its decoder gave an answer that is none");
  CHECK_THAT(failure(pool, "nothing"), Contains("its decoder was killed"));
  // A sanitizer reports it, for which it would open files.
  CHECK_THAT(failure(pool, "segv"), Contains(is_sanitized ? "its decoder" : "crashed (signal 11, Segmentation fault)"));
  CHECK(code_of([&] { ask(pool, "abort"); }) == Code::invalid_argument);
  CHECK(ask(pool, "fine") != 0);
}

TEST_CASE("a decoder that never ends is ended, by its server or by itself", "[dicom][decoders]") {
  DecoderPool pool(rogue({.limits = {.frame = 50ms}}));
  CHECK(failure(pool, "hang") == "compressed frame: not decoded within 0.05 s");
  CHECK(code_of([&] { ask(pool, "hang"); }) == Code::invalid_argument);
}

TEST_CASE("a decoder that takes all memory fails its frame", "[dicom][decoders]") {
  DecoderPool pool(rogue());
  CHECK_THAT(failure(pool, "bomb"), Contains(is_sanitized ? "compressed frame: its decoder"
                                                          : "its decoder needs more memory than it is given"));
  CHECK(ask(pool, "fine") != 0);
}

TEST_CASE("a decoder can open nothing, reach nothing, start and signal nothing", "[dicom][decoders]") {
  DecoderPool pool(rogue());
  const std::string deed = GENERATE(as<std::string>{}, "open", "create", "socket", "connect", "sendmsg", "fork",
                                    "clone", "exec", "kill", "tgkill", "ptrace", "truncate", "executable", "seccomp");
  CAPTURE(deed);
  CHECK(failure(pool, deed) ==
        "compressed frame: its decoder was ended because it did what decoders may not (signal 31)");
}

TEST_CASE("what a decoder says is printable and short", "[dicom][decoders]") {
  DecoderPool pool(rogue());
  const std::string said = failure(pool, "refuse");
  CHECK_THAT(said, Contains("bad\\x0a\\x1b[31mxxx"));
  CHECK(said.size() < 300);
}

TEST_CASE("decoders are used again until they fail, end or are old", "[dicom][decoders]") {
  DecoderPool pool(rogue({.most_frames = 3}));
  const pid_t first = ask(pool, "fine");
  ::kill(first, SIGTERM);  // as a terminal does to all of a server's processes
  ::kill(first, SIGINT);
  CHECK(ask(pool, "fine") == first);
  CHECK(ask(pool, "fine") == first);
  const pid_t second = ask(pool, "fine");  // the first has done its three
  CHECK(second != first);
  CHECK(failure(pool, "refuse") != "");
  const pid_t third = ask(pool, "fine");
  CHECK(third != second);
  ::kill(third, SIGKILL);
  await_end(third);
  CHECK(ask(pool, "fine") != third);
}

TEST_CASE("a frame larger than what a kept decoder may share is decoded, and its memory given back",
          "[dicom][decoders]") {
  DecoderPool pool(rogue({.most_memory_bytes = 1 << 20}));
  const DicomPixels pixels{.rows = 1024, .columns = 1024};
  const std::string wish = "fine";
  std::vector<std::byte> out(static_cast<std::size_t>(pixels.frame_bytes()));
  pool.decode({"1.2", pixels, std::as_bytes(std::span(wish))}, out);
  CHECK(pool.idle() == 0);
  ask(pool, "fine");
  CHECK(pool.idle() == 1);
}

TEST_CASE("decoders that fail leave neither descriptors nor processes behind", "[dicom][decoders]") {
  DecoderPool pool(rogue());
  failure(pool, "abort");
  const std::ptrdiff_t before = open_descriptors();
  for (int i = 0; i < 10; ++i) failure(pool, "exit");
  CHECK(open_descriptors() == before);
  CHECK(code_of([] { wait_for_child(-1); }) == Code::internal);  // there is none to wait for
}

TEST_CASE("threads decode at once, and a failure is that of its own thread", "[dicom][decoders]") {
  DecoderPool pool(rogue());
  std::array<int, 4> failed{};
  {
    std::vector<std::jthread> threads;
    for (int& mine : failed)
      threads.emplace_back([&pool, &mine] {
        for (int i = 0; i < 12; ++i) mine += failure(pool, i % 4 == 3 ? "exit" : "fine").empty() ? 0 : 1;
      });
  }
  for (const int count : failed) CHECK(count == 3);
}

TEST_CASE("a decoder ends when nobody is left to ask", "[dicom][decoders]") {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
  FileDescriptor ours(ends[0]), theirs(ends[1]);
  const pid_t process = start_child(program_beside("voxd_decoder"), {"1000"}, {.input = theirs.number()});
  theirs = {};
  FrameReply reply{};
  REQUIRE(::recv(ours.number(), &reply, sizeof reply, 0) == sizeof reply);
  CHECK(reply.verdict == FrameVerdict::ready);
  ours = {};
  CHECK(wait_for_child(process).status == 0);
}

TEST_CASE("a program that is none, or does not confine itself, is told of", "[dicom][decoders]") {
  CHECK(code_of([] { DecoderPool({.program = "/nonexistent"}).check(); }) == Code::internal);
  CHECK(message_of([] { DecoderPool({.program = "/bin/false"}).check(); }) == "decoder crashed (status 1)");
  DecoderPool pool({});
  pool.check();
  pool.check();
  CHECK(pool.idle() == 1);
}

}  // namespace
}  // namespace voxd::decoder_pool_test
