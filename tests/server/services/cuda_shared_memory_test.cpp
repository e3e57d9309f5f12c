// Memory of CUDA devices that clients share, with a stand-in for the card: what it gives out, and when it is closed.

#include <algorithm>
#include <atomic>

#include "server/shared_memory.h"
#include "tests/server/services/infer_caller.h"
#include "tests/support/catch.h"
#include "tests/support/code_of.h"

namespace cuda_shared_memory_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

constexpr SharedMemoryKind kCuda = SharedMemoryKind::cuda, kSystem = SharedMemoryKind::system;
constexpr const char* kHere = "loopback";

/// A card with one allocation, which any handle stands for. Must outlive the memory that it gives out. Safe from any
/// thread, as far as the test does not look at `bytes` meanwhile.
class Card {
 public:
  std::string bytes;
  std::atomic<int> opened = 0, open = 0;

  CudaImports::Import import() {
    return [this](std::span<const std::byte>, int device) -> std::shared_ptr<const ImportedMemory> {
      if (device > 1) fail(Code::invalid_argument, "device_id: ", device, ", there are 2 CUDA devices");
      return std::make_shared<const Opened>(*this);
    };
  }

 private:
  class Opened final : public ImportedMemory {
   public:
    explicit Opened(Card& card) : card_(card) {
      ++card_.opened;
      ++card_.open;
    }
    ~Opened() override { --card_.open; }
    std::uint64_t byte_size() const override { return card_.bytes.size(); }
    void read(std::uint64_t offset, std::span<std::byte> target) const override {
      check(offset, target.size());
      std::copy_n(std::as_bytes(std::span(card_.bytes)).begin() + static_cast<std::ptrdiff_t>(offset), target.size(),
                  target.begin());
    }
    void write(std::uint64_t offset, std::span<const std::byte> from) const override {
      check(offset, from.size());
      std::copy(from.begin(), from.end(),
                std::as_writable_bytes(std::span(card_.bytes)).begin() + static_cast<std::ptrdiff_t>(offset));
    }

   private:
    /// Called by the server's threads, where nothing of Catch may be.
    void check(std::uint64_t offset, std::uint64_t size) const {
      if (offset + size > byte_size()) fail(Code::internal, "card: beyond the allocation");
    }

    Card& card_;
  };
};

SharedMemory::Options on(Card& card) {
  silence_log();
  SharedMemory::Options options;
  options.enabled = options.cuda = true;
  options.import = card.import();
  return options;
}

RegionDescription region(const std::string& name, std::uint64_t size, std::int64_t device = 0, char handle = 'h') {
  return {.name = name,
          .byte_size = size,
          .kind = kCuda,
          .device = device,
          .raw_handle = std::string(cuda_handle_bytes, handle)};
}

grpc::Status add_region(const ServerFixture& server, const std::string& name, const std::string& handle,
                        std::uint64_t size, std::int64_t device = 0) {
  inference::CudaSharedMemoryRegisterRequest request;
  request.set_name(name);
  request.set_raw_handle(handle);
  request.set_device_id(device);
  request.set_byte_size(size);
  inference::CudaSharedMemoryRegisterResponse response;
  grpc::ClientContext context;
  return server.kserve()->CudaSharedMemoryRegister(&context, request, &response);
}

template <class Tensor>
void place(Tensor& tensor, const std::string& name, std::int64_t size, std::int64_t offset) {
  auto& parameters = *tensor.mutable_parameters();
  parameters["shared_memory_region"].set_string_param(name);
  parameters["shared_memory_byte_size"].set_int64_param(size);
  parameters["shared_memory_offset"].set_int64_param(offset);
}

}  // namespace

TEST_CASE("a device's memory is off unless it was asked for") {
  Card card{.bytes = "x"};
  SharedMemory::Options options = on(card);
  options.cuda = false;
  SharedMemory memory(options);
  CHECK_FALSE(memory.takes_cuda());
  CHECK(code_of([&] { memory.add(kHere, region("r", 1)); }) == Code::unimplemented);
  CHECK(card.opened == 0);
}

TEST_CASE("a piece of a device's memory is opened once and closed with its last region") {
  Card card{.bytes = "0123456789"};
  SharedMemory memory(on(card));
  memory.add(kHere, region("a", 10));
  memory.add(kHere, region("b", 4));
  memory.add("unix", region("a", 10));
  CHECK(card.opened == 1);
  memory.add(kHere, region("c", 10, 1));
  memory.add(kHere, region("d", 10, 0, 'i'));
  CHECK(card.opened == 3);
  std::shared_ptr<const SharedRegion> used = memory.find(kHere, "a");
  memory.remove(kCuda, kHere);
  memory.remove(kCuda, "unix");
  CHECK(card.open == 1);
  std::string bytes(3, '\0');
  used->read(4, std::as_writable_bytes(std::span(bytes)));
  CHECK(bytes == "456");
  used.reset();
  CHECK(card.open == 0);
  memory.add(kHere, region("a", 10));
  CHECK(card.opened == 4);
}

TEST_CASE("what cannot be a region of a device's memory is refused, and nothing stays open") {
  Card card{.bytes = "0123456789"};
  SharedMemory memory(on(card));
  CHECK(code_of([&] { memory.add(kHere, region("r", 11)); }) == Code::invalid_argument);
  CHECK(code_of([&] { memory.add(kHere, region("r", 0)); }) == Code::invalid_argument);
  CHECK(code_of([&] { memory.add(kHere, region("r", 1, 2)); }) == Code::invalid_argument);
  CHECK(code_of([&] { memory.add(kHere, region("r", 1, -1)); }) == Code::invalid_argument);
  CHECK(code_of([&] { memory.add(kHere, region("r", 1, std::int64_t{1} << 32)); }) == Code::invalid_argument);
  for (const std::size_t size : {std::size_t{0}, cuda_handle_bytes - 1, cuda_handle_bytes + 1}) {
    RegionDescription description = region("r", 1);
    description.raw_handle.resize(size);
    CHECK(code_of([&] { memory.add(kHere, description); }) == Code::invalid_argument);
  }
  CHECK(code_of([&] { memory.add(kHere, region("", 1)); }) == Code::invalid_argument);
  CHECK(memory.list(kCuda, kHere).empty());
  CHECK(card.open == 0);
  CHECK(code_of([&] { memory.add(kHere, region("r", 10)); }) == std::nullopt);
  CHECK(code_of([&] { memory.add(kHere, region("r", 10)); }) == Code::already_exists);
}

TEST_CASE("each kind of shared memory is listed and forgotten apart from the other") {
  Card card{.bytes = "0123456789"};
  SharedMemory memory(on(card));
  memory.add(kHere, region("r", 10, 1));
  CHECK(memory.list(kSystem, kHere).empty());
  CHECK(code_of([&] { memory.list(kSystem, kHere, "r"); }) == Code::not_found);
  memory.remove(kSystem, kHere);
  REQUIRE(memory.list(kCuda, kHere, "r").size() == 1);
  CHECK(memory.list(kCuda, kHere)[0].device == 1);
}

TEST_CASE("a range beyond its region is refused, and two regions of one piece of memory overlap") {
  Card card{.bytes = "0123456789"};
  SharedMemory memory(on(card));
  memory.add(kHere, region("a", 10));
  memory.add(kHere, region("b", 5));
  memory.add(kHere, region("c", 10, 1));
  const auto a = memory.find(kHere, "a"), b = memory.find(kHere, "b"), c = memory.find(kHere, "c");
  std::string bytes(2, 'x');
  CHECK(code_of([&] { b->read(4, std::as_writable_bytes(std::span(bytes))); }) == Code::invalid_argument);
  CHECK(code_of([&] { b->write(4, std::as_bytes(std::span(bytes))); }) == Code::invalid_argument);
  CHECK(card.bytes == "0123456789");
  CHECK(SharedBytes{a, 4, 2}.overlaps({b, 0, 5}));
  CHECK_FALSE(SharedBytes{a, 5, 5}.overlaps({b, 0, 5}));
  CHECK_FALSE(SharedBytes{a, 0, 10}.overlaps({c, 0, 10}));
}

TEST_CASE("a volume comes from a device's memory and its labels go there") {
  const std::string volume = raw(std::vector<float>{0, 1, 2, 3, 0.25f, 0.75f});  // as float_request() sends it
  Card card{.bytes = volume + std::string(8, '-')};
  Settings settings;
  settings.shared_memory = on(card);
  {
    const ServerFixture server(settings);
    CHECK(add_region(server, "r", "short", 32).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    CHECK_THAT(add_region(server, "r", std::string(64, 'h'), 33).error_message(), Contains("33 bytes"));
    REQUIRE(add_region(server, "r", std::string(64, 'h'), 32).ok());

    inference::CudaSharedMemoryStatusResponse status;
    grpc::ClientContext status_context;
    REQUIRE(server.kserve()->CudaSharedMemoryStatus(&status_context, {}, &status).ok());
    CHECK(status.regions().at("r").byte_size() == 32);

    inference::ModelInferRequest request = request_of("FP32", "");
    place(*request.mutable_inputs(0), "r", 24, 0);
    auto& mask = *request.add_outputs();
    mask.set_name("MASK");
    place(mask, "r", 6, 20);
    CHECK_THAT(infer(server, request).status.error_message(), Contains("overlap"));
    (*mask.mutable_parameters())["shared_memory_offset"].set_int64_param(25);
    const Answer answer = infer(server, request);
    INFO(answer.status.error_message());
    REQUIRE(answer.status.ok());

    inference::ServerMetadataResponse metadata;
    grpc::ClientContext metadata_context;
    REQUIRE(server.kserve()->ServerMetadata(&metadata_context, {}, &metadata).ok());
    CHECK(std::count(metadata.extensions().begin(), metadata.extensions().end(), "cuda_shared_memory") == 1);

    inference::CudaSharedMemoryUnregisterRequest forget;
    inference::CudaSharedMemoryUnregisterResponse forgotten;
    grpc::ClientContext forget_context;
    REQUIRE(server.kserve()->CudaSharedMemoryUnregister(&forget_context, forget, &forgotten).ok());
    server.wait_idle();
    CHECK(card.open == 0);
  }
  CHECK(card.bytes == volume + "-" + std::string("\0\1\1\1\0\1", 6) + "-");
}

}  // namespace cuda_shared_memory_test
