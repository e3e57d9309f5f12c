#include "gpu_transforms/workspace.h"

#include "gpu_transforms/volume/error.h"
#include "tests/support/catch.h"

namespace workspace_test {

using namespace voxd;

namespace {

struct Fixture {
  std::unique_ptr<Stream> stream = make_cpu_stream(Backend::serial);
  MemoryPool pool{cpu_allocator(), {}};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "memory counts from its allocation until the last copy of its pointer dies", "[workspace]") {
  Workspace workspace(*stream, pool);
  std::shared_ptr<std::byte> first = workspace.allocate(1000);
  REQUIRE(workspace.bytes_in_use() == 1000);
  std::shared_ptr<std::byte> copy = first;
  first.reset();
  REQUIRE(workspace.bytes_in_use() == 1000);
  copy.reset();
  REQUIRE(workspace.bytes_in_use() == 0);
  REQUIRE(pool.statistics().bytes_in_use == 0);
}

TEST_CASE_METHOD(Fixture, "an array keeps its bytes alive", "[workspace]") {
  Workspace workspace(*stream, pool);
  std::shared_ptr<double> values = workspace.allocate_array<double>(10);
  values.get()[9] = 2.5;
  REQUIRE(workspace.bytes_in_use() == 80);
  REQUIRE(values.get()[9] == 2.5);
  values.reset();
  REQUIRE(workspace.bytes_in_use() == 0);
}

TEST_CASE_METHOD(Fixture, "the peak is kept until it is reset to what is in use", "[workspace]") {
  Workspace workspace(*stream, pool);
  const std::shared_ptr<std::byte> kept = workspace.allocate(100);
  workspace.allocate(400).reset();
  REQUIRE(workspace.peak_bytes() == 500);
  workspace.reset_peak();
  REQUIRE(workspace.peak_bytes() == 100);
  workspace.allocate(50).reset();
  REQUIRE(workspace.peak_bytes() == 150);
}

TEST_CASE_METHOD(Fixture, "past its budget a job is refused, and the refusal names asked, used and budget",
                 "[workspace]") {
  Workspace workspace(*stream, pool, 1000);
  const std::shared_ptr<std::byte> held = workspace.allocate(600);
  try {
    workspace.allocate(401);
    FAIL("allocated past the budget");
  } catch (const Error& error) {
    REQUIRE(error.code() == Code::resource_exhausted);
    REQUIRE_THAT(error.what(), Catch::Contains("401") && Catch::Contains("600") && Catch::Contains("1000"));
  }
  REQUIRE(workspace.bytes_in_use() == 600);
  REQUIRE_NOTHROW(workspace.allocate(400));
  REQUIRE_THROWS_AS(workspace.allocate(SIZE_MAX), Error);
}

TEST_CASE_METHOD(Fixture, "a pool that refuses leaves the job's accounts as they were", "[workspace]") {
  MemoryPool small(cpu_allocator(), {.limit_bytes = 1024});
  Workspace workspace(*stream, small);
  REQUIRE_THROWS_AS(workspace.allocate(4096), Error);
  REQUIRE_THROWS_AS(workspace.allocate(SIZE_MAX), Error);
  REQUIRE(workspace.bytes_in_use() == 0);
  REQUIRE(workspace.peak_bytes() == 0);
  REQUIRE(small.statistics().bytes_in_use == 0);
}

TEST_CASE("on a deferred stream the budget is free at once, the pool's block when the stream comes to it",
          "[workspace]") {
  const auto stream = make_deferred_stream();
  MemoryPool pool(cpu_allocator(), {});
  Workspace workspace(*stream, pool, 1000);
  const std::byte* first = workspace.allocate(1000).get();
  REQUIRE(workspace.bytes_in_use() == 0);
  REQUIRE(pool.statistics().bytes_in_use > 0);
  REQUIRE(workspace.allocate(1000).get() != first);
  stream->synchronize();
  REQUIRE(pool.statistics().bytes_in_use == 0);
}

TEST_CASE_METHOD(Fixture, "a negative budget is refused", "[workspace]") {
  REQUIRE_THROWS_WITH(Workspace(*stream, pool, -5), Catch::Contains("memory budget: -5"));
}

}  // namespace workspace_test
