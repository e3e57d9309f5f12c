#include "server/shared_memory.h"

#include "tests/server/services/server_fixture.h"
#include "tests/server/services/shared_object.h"
#include "tests/support/catch.h"
#include "tests/support/code_of.h"

namespace shared_memory_test {

using namespace voxd;
using namespace voxd::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kHere = "loopback";
constexpr SharedMemoryKind kSystem = SharedMemoryKind::system;

SharedMemory::Options on() {
  silence_log();
  SharedMemory::Options options;
  options.enabled = true;
  return options;
}

/// What add() says to that key, for a region of one byte.
std::optional<Code> adding(SharedMemory& memory, const std::string& key, const std::string& name = "r") {
  return code_of([&] { memory.add(kHere, {name, key, 0, 1}); });
}

std::vector<std::string> names(SharedMemory& memory, const std::string& scope = kHere) {
  std::vector<std::string> result;
  for (const RegionDescription& region : memory.list(kSystem, scope)) result.push_back(region.name);
  return result;
}

}  // namespace

TEST_CASE("shared memory is off unless it was asked for") {
  CHECK(code_of([] { SharedMemory({}).scope_of({"unix:", ""}); }) == Code::unimplemented);
  CHECK(code_of([] { SharedMemory(on()).scope_of({"unix:", ""}); }) == std::nullopt);
}

TEST_CASE("shared memory is for callers on unix sockets and loopback addresses") {
  const SharedMemory memory(on());
  CHECK(memory.scope_of({"unix:", ""}) == "unix");
  CHECK(memory.scope_of({"unix:/run/voxd.sock", ""}) == "unix");
  for (const char* peer : {"ipv4:127.0.0.1:40000", "ipv4:127.9.9.9:1", "ipv6:[::1]:40000", "ipv6:%5B::1%5D:40000"})
    CHECK(memory.scope_of({peer, ""}) == kHere);
  SharedMemory::Options options = on();
  options.allow_remote = true;
  for (const char* peer :
       {"ipv4:10.0.0.7:40000", "ipv4:12.7.0.1:1", "ipv6:[fe80::1]:1", "ipv6:%5B::12%5D:1", "", "127.0.0.1"}) {
    CAPTURE(peer);
    CHECK(code_of([&] { memory.scope_of({peer, ""}); }) == Code::permission_denied);
    CHECK(SharedMemory(options).scope_of({peer, ""}) == "remote");
  }
}

TEST_CASE("callers who have shown different certificates or tokens have regions of their own") {
  const SharedMemory memory(on());
  std::set<std::string> scopes;
  for (const char* peer : {"unix:", "ipv4:127.0.0.1:1"})
    for (const char* identity : {"", "certificate a", "certificate b", "token 00"})
      scopes.insert(memory.scope_of({peer, identity}));
  CHECK(scopes.size() == 8);
}

TEST_CASE("a region is found, listed and forgotten by its name") {
  const SharedObject object("named", "0123456789");
  SharedMemory memory(on());
  memory.add(kHere, {"a", object.key(), 2, 3});
  memory.add(kHere, {"b", object.key(), 0, 10});
  CHECK(memory.find(kHere, "a")->description().offset == 2);
  CHECK(names(memory) == std::vector<std::string>{"a", "b"});
  REQUIRE(memory.list(kSystem, kHere, "a").size() == 1);
  CHECK(memory.list(kSystem, kHere, "a")[0].key == object.key());
  CHECK(memory.list(kSystem, kHere, "a")[0].byte_size == 3);
  CHECK(code_of([&] { memory.list(kSystem, kHere, "c"); }) == Code::not_found);
  memory.remove(kSystem, kHere, "a");
  CHECK(code_of([&] { memory.find(kHere, "a"); }) == Code::not_found);
  memory.remove(kSystem, kHere, "a");
  memory.remove(kSystem, kHere);
  CHECK(names(memory).empty());
  CHECK(code_of([&] { memory.add(kHere, {"a", object.key(), 0, 1}); }) == std::nullopt);
}

TEST_CASE("a name is taken once") {
  const SharedObject object("twice", "x");
  SharedMemory memory(on());
  CHECK(adding(memory, object.key()) == std::nullopt);
  CHECK(adding(memory, object.key()) == Code::already_exists);
  CHECK(adding(memory, object.key(), "another") == std::nullopt);
}

TEST_CASE("callers of one kind of address do not see the regions of the other") {
  const SharedObject object("scope", "x");
  SharedMemory memory(on());
  memory.add("loopback", {"r", object.key(), 0, 1});
  CHECK(code_of([&] { memory.find("unix", "r"); }) == Code::not_found);
  memory.add("unix", {"r", object.key(), 0, 1});
  memory.remove(kSystem, "unix");
  CHECK(names(memory, "unix").empty());
  CHECK(names(memory, "loopback") == std::vector<std::string>{"r"});
}

TEST_CASE("a key is a slash and a plain name") {
  SharedMemory::Options options = on();
  options.key_prefixes = {"/"};
  SharedMemory memory(options);
  for (const char* key : {"", "/", "x", "voxd_x", "//voxd_x", "/voxd/x", "/voxd_x/", "/voxd_..x", "/..", "/voxd x",
                          "/voxd_\n", "/voxd_\xc3\xa9", "/voxd_$HOME"}) {
    CAPTURE(key);
    CHECK(adding(memory, key) == Code::invalid_argument);
  }
  CHECK(adding(memory, "/" + std::string(128, 'x')) == Code::invalid_argument);
  CHECK(adding(memory, std::string("/voxd_x\0y", 9)) == Code::invalid_argument);
  const SharedObject object("A.b-C_9", "x");
  CHECK(adding(memory, object.key()) == std::nullopt);
}

TEST_CASE("a key begins with a prefix that the operator allows") {
  const SharedObject ours("prefix", "x"), theirs("prefix", "x", "/other_");
  SharedMemory memory(on());
  CHECK(adding(memory, theirs.key()) == Code::invalid_argument);
  CHECK(adding(memory, ours.key()) == std::nullopt);
  SharedMemory::Options options = on();
  options.key_prefixes = {"/first_", "/other_"};
  SharedMemory other(options);
  CHECK(adding(other, theirs.key()) == std::nullopt);
  CHECK(adding(other, ours.key()) == Code::invalid_argument);
}

TEST_CASE("names that other programs keep to themselves are reserved, whatever the prefixes are") {
  SharedMemory::Options options = on();
  options.key_prefixes = {"/"};
  SharedMemory memory(options);
  const SharedObject semaphore("x", "x", "/sem."), triton("x", "x", "/triton_python_backend_shm_region_"),
      other("x", "x", "/triton_");
  CHECK(adding(memory, semaphore.key()) == Code::invalid_argument);
  CHECK(adding(memory, triton.key()) == Code::invalid_argument);
  CHECK(adding(memory, other.key()) == std::nullopt);
}

TEST_CASE("a region has a name of at most 128 characters, and a byte at least") {
  const SharedObject object("limits", "x");
  SharedMemory memory(on());
  CHECK(adding(memory, object.key(), "") == Code::invalid_argument);
  CHECK(adding(memory, object.key(), std::string(129, 'n')) == Code::invalid_argument);
  CHECK(adding(memory, object.key(), std::string(128, 'n')) == std::nullopt);
  CHECK(code_of([&] { memory.add(kHere, {"none", object.key(), 0, 0}); }) == Code::invalid_argument);
}

TEST_CASE("there are 256 regions at most, and one that was forgotten makes room") {
  const SharedObject object("many", "x");
  SharedMemory memory(on());
  for (std::size_t i = 0; i < SharedMemory::max_regions; ++i)
    REQUIRE(adding(memory, object.key(), std::to_string(i)) == std::nullopt);
  CHECK(adding(memory, object.key(), "one more") == Code::resource_exhausted);
  memory.remove(kSystem, kHere, "7");
  CHECK(adding(memory, object.key(), "one more") == std::nullopt);
}

TEST_CASE("all regions together are held to a number of bytes") {
  const SharedObject object("bytes", std::string(10, 'x'));
  SharedMemory::Options options = on();
  options.max_bytes = 15;
  SharedMemory memory(options);
  memory.add(kHere, {"a", object.key(), 0, 10});
  CHECK(code_of([&] { memory.add(kHere, {"b", object.key(), 0, 6}); }) == Code::resource_exhausted);
  CHECK(code_of([&] { memory.add(kHere, {"b", object.key(), 0, ~std::uint64_t{0}}); }) == Code::resource_exhausted);
  CHECK(code_of([&] { memory.add(kHere, {"b", object.key(), 0, 5}); }) == std::nullopt);
  memory.remove(kSystem, kHere, "a");
  CHECK(code_of([&] { memory.add(kHere, {"a", object.key(), 0, 10}); }) == std::nullopt);
}

TEST_CASE("what could not be registered leaves nothing behind") {
  const SharedObject object("nothing", std::string(10, 'x'));
  SharedMemory::Options options = on();
  options.max_bytes = 10;
  SharedMemory memory(options);
  CHECK(code_of([&] { memory.add(kHere, {"a", object.key(), 5, 10}); }) == Code::invalid_argument);
  CHECK(code_of([&] { memory.add(kHere, {"a", object.key() + "x", 0, 10}); }) == Code::internal);
  CHECK(names(memory).empty());
  CHECK(code_of([&] { memory.add(kHere, {"a", object.key(), 0, 10}); }) == std::nullopt);
}

TEST_CASE("a region that is forgotten stays open for who has it") {
  const SharedObject object("held", "abc");
  SharedMemory memory(on());
  memory.add(kHere, {"r", object.key(), 0, 3});
  const std::shared_ptr<const SharedRegion> held = memory.find(kHere, "r");
  memory.remove(kSystem, kHere, "r");
  std::string bytes(3, '\0');
  held->read(0, std::as_writable_bytes(std::span(bytes)));
  CHECK(bytes == "abc");
}

TEST_CASE("a region that nobody uses is forgotten after the idle time, if there is one") {
  const SharedObject object("idle", "x");
  const Clock::time_point start = Clock::now();
  SharedMemory::Options options = on();
  options.idle_s = 60;
  SharedMemory memory(options);
  memory.add(kHere, {"r", object.key(), 0, 1}, start);
  memory.find(kHere, "r", start + 50s);
  std::shared_ptr<const SharedRegion> used = memory.find(kHere, "r", start + 100s);
  CHECK(memory.list(kSystem, kHere, "", start + 1000s).size() == 1);
  used.reset();
  CHECK(memory.list(kSystem, kHere, "", start + 159s).size() == 1);
  CHECK(memory.list(kSystem, kHere, "", start + 161s).empty());

  SharedMemory patient(on());
  patient.add(kHere, {"r", object.key(), 0, 1}, start);
  CHECK(patient.list(kSystem, kHere, "", start + 1000h).size() == 1);
}

}  // namespace shared_memory_test
