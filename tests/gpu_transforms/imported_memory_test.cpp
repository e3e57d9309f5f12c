#include "gpu_transforms/imported_memory.h"

#include "gpu_transforms/stream.h"
#include "tests/support/catch.h"
#include "tests/support/code_of.h"
#ifdef VOXD_TEST_CUDA
#include <iostream>

#include "tests/bench/child_process.h"
#include "tests/gpu_transforms/exported_memory.h"
#endif

namespace voxd::imported_memory_test {
namespace {

using namespace test;

TEST_CASE("memory of another process cannot be had where there is no card, nor by what is no handle", "[imported]") {
  const std::vector<std::byte> handle(cuda_handle_bytes);
  const int devices = cuda_device_count();
  CHECK(code_of([&] { import_cuda_memory(handle, 0); }) ==
        (devices == 0 ? Code::failed_precondition : Code::invalid_argument));
  if (devices == 0) return;
  CHECK(code_of([&] { import_cuda_memory(handle, devices); }) == Code::invalid_argument);
  CHECK(code_of([&] { import_cuda_memory(std::span(handle).first(63), 0); }) == Code::invalid_argument);
}

#ifdef VOXD_TEST_CUDA

constexpr const char* digits = "0123456789abcdef";

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    text += digits[std::to_integer<int>(byte) >> 4];
    text += digits[std::to_integer<int>(byte) & 15];
  }
  return text;
}

std::vector<std::byte> bytes_of(const std::string& text) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::vector<std::byte> ramp(int size) {
  std::vector<std::byte> bytes;
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<std::byte>(i % 251));
  return bytes;
}

// Run by the test below, in a process of its own: says its handle, and after a line what the memory holds by then.
TEST_CASE("exports memory", "[.]") {
  const ExportedMemory memory(ramp(1000));
  std::cout << hex(memory.handle()) << std::endl;
  std::string line;
  std::getline(std::cin, line);
  std::cout << hex(memory.contents()) << std::endl;
}

TEST_CASE("memory of another process is read and written where that has it", "[imported]") {
  if (cuda_device_count() == 0) return;
  bench::ChildProcess owner({"/proc/self/exe", "exports memory", "--out", "/dev/null"}, {});
  const auto memory = import_cuda_memory(bytes_of(owner.read_line()), 0);
  REQUIRE(memory->byte_size() >= 1000);
  std::vector<std::byte> read(700);
  memory->read(300, read);
  std::vector<std::byte> expected = ramp(1000);
  CHECK(std::equal(read.begin(), read.end(), expected.begin() + 300));
  const std::vector<std::byte> written(50, std::byte{7});
  memory->write(200, written);
  std::copy(written.begin(), written.end(), expected.begin() + 200);
  owner.write_line("done");
  CHECK(owner.read_line() == hex(expected));
}

#endif

}  // namespace
}  // namespace voxd::imported_memory_test
