#include "server/shared_region.h"

#include <sys/un.h>

#include <limits>

#include "gpu_transforms/volume/error.h"
#include "tests/server/services/shared_object.h"
#include "tests/support/catch.h"
#include "tests/support/code_of.h"

namespace shared_region_test {

using namespace voxd;
using namespace voxd::test;

namespace {

const std::set<::uid_t> kMyself{::geteuid()};

SystemRegion region_of(const SharedObject& object, std::uint64_t offset, std::uint64_t size,
                       const std::set<::uid_t>& owners = kMyself) {
  return SystemRegion({"r", object.key(), offset, size}, owners);
}

std::string bytes_of(const SharedRegion& region, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  region.read(offset, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

void write(const SharedRegion& region, std::uint64_t offset, std::string_view text) {
  region.write(offset, std::as_bytes(std::span(text)));
}

/// A name in the file system of the shared-memory objects, which shm_open looks at, too.
struct NamedFile {
  explicit NamedFile(const std::string& name) : key("/voxd_test_" + std::to_string(::getpid()) + "_" + name) {}
  ~NamedFile() {
    ::unlink(path().c_str());
    ::rmdir(path().c_str());
  }
  std::string path() const { return "/dev/shm" + key; }
  const std::string key;
};

}  // namespace

TEST_CASE("a region reads and writes its part of the object") {
  SharedObject object("part", "0123456789");
  const SystemRegion region = region_of(object, 2, 6);
  CHECK(bytes_of(region, 0, 6) == "234567");
  CHECK(bytes_of(region, 4, 2) == "67");
  CHECK(bytes_of(region, 6, 0).empty());
  write(region, 1, "ab");
  CHECK(object.read(0, 10) == "012ab56789");
  object.write(2, "X");
  CHECK(bytes_of(region, 0, 3) == "Xab");
}

TEST_CASE("nothing beyond a region is read or written, however large the numbers are") {
  SharedObject object("bounds", "0123456789");
  const SystemRegion region = region_of(object, 2, 6);
  constexpr std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
  std::string bytes(3, '-');
  for (const std::uint64_t offset : {std::uint64_t{4}, std::uint64_t{7}, huge, huge - 1, huge - 2}) {
    CAPTURE(offset);
    CHECK(code_of([&] { region.read(offset, std::as_writable_bytes(std::span(bytes))); }) == Code::invalid_argument);
    CHECK(code_of([&] { write(region, offset, "abc"); }) == Code::invalid_argument);
  }
  CHECK(bytes == "---");
  CHECK(object.read(0, 10) == "0123456789");
  CHECK(code_of([&] { region.check_range(0, huge); }) == Code::invalid_argument);
  CHECK(code_of([&] { region.check_range(6, 0); }) == std::nullopt);
}

TEST_CASE("a region must lie in its object") {
  const SharedObject object("size", "0123456789");
  constexpr std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
  CHECK(code_of([&] { region_of(object, 0, 10); }) == std::nullopt);
  CHECK(code_of([&] { region_of(object, 9, 1); }) == std::nullopt);
  CHECK(code_of([&] { region_of(object, 0, 11); }) == Code::invalid_argument);
  CHECK(code_of([&] { region_of(object, 10, 1); }) == Code::invalid_argument);
  CHECK(code_of([&] { region_of(object, 5, huge); }) == Code::invalid_argument);
  CHECK(code_of([&] { region_of(object, huge, 5); }) == Code::invalid_argument);
  CHECK(code_of([&] { region_of(object, huge - 4, 5); }) == Code::invalid_argument);
}

TEST_CASE("an object that is not there cannot be opened, and the message says the caller's names") {
  try {
    SystemRegion({"mine", "/voxd_test_nothing", 0, 1}, kMyself);
    FAIL("it was opened");
  } catch (const Error& error) {
    CHECK(error.code() == Code::internal);
    CHECK(std::string(error.what()).starts_with("Unable to open shared memory region: 'mine'"));
  }
}

TEST_CASE("only objects of the users named are taken") {
  const SharedObject object("owner", "x");
  const ::uid_t other = ::geteuid() + 1;
  CHECK(code_of([&] { region_of(object, 0, 1, {other}); }) == Code::permission_denied);
  CHECK(code_of([&] { region_of(object, 0, 1, {}); }) == Code::permission_denied);
  CHECK(code_of([&] { region_of(object, 0, 1, {other, ::geteuid()}); }) == std::nullopt);
}

TEST_CASE("an object that all users may open is not taken") {
  SharedObject object("mode", "x");
  for (const ::mode_t mode : {0604u, 0602u, 0601u, 0666u}) {
    CAPTURE(mode);
    object.set_mode(mode);
    CHECK(code_of([&] { region_of(object, 0, 1); }) == Code::permission_denied);
  }
  object.set_mode(0660);
  CHECK(code_of([&] { region_of(object, 0, 1); }) == std::nullopt);
}

TEST_CASE("what is no memory object is not taken, and does not keep the server waiting") {
  const auto opening = [](const NamedFile& file) {
    return code_of([&] { SystemRegion({"r", file.key, 0, 1}, kMyself); });
  };
  const NamedFile pipe("pipe"), folder("folder"), link("link");
  REQUIRE(::mkfifo(pipe.path().c_str(), 0600) == 0);
  CHECK(opening(pipe) == Code::permission_denied);
  REQUIRE(::mkdir(folder.path().c_str(), 0700) == 0);
  CHECK(opening(folder) == Code::permission_denied);
  const SharedObject object("target", "x");
  REQUIRE(::symlink(("/dev/shm" + object.key()).c_str(), link.path().c_str()) == 0);
  CHECK(opening(link) == Code::internal);
}

TEST_CASE("an object that is cut while it is used ends in an error") {
  SharedObject object("cut", "0123456789");
  const SystemRegion region = region_of(object, 0, 10);
  object.resize(4);
  CHECK(bytes_of(region, 0, 4) == "0123");
  std::string bytes(6, '-');
  CHECK(code_of([&] { region.read(0, std::as_writable_bytes(std::span(bytes))); }) == Code::invalid_argument);
  CHECK(code_of([&] { write(region, 2, "abc"); }) == Code::invalid_argument);
  CHECK(object.size() == 4);
  write(region, 2, "ab");
  CHECK(object.read(0, 4) == "01ab");
}

TEST_CASE("an object whose name has gone, or stands for another, stays the one that was registered") {
  SharedObject object("unlinked", "before");
  const SystemRegion region = region_of(object, 0, 6);
  object.unlink();
  CHECK(bytes_of(region, 0, 6) == "before");
  const SharedObject another("unlinked", "other!");
  write(region, 0, "after");
  CHECK(object.read(0, 6) == "aftere");
  CHECK(another.read(0, 6) == "other!");
  CHECK(region_of(another, 0, 6).object() != region.object());
}

TEST_CASE("bytes overlap where they are the same bytes of the same object") {
  const SharedObject object("overlap", "0123456789"), other("overlap2", "0123456789");
  const auto whole = std::make_shared<const SystemRegion>(RegionDescription{"a", object.key(), 0, 10}, kMyself);
  const auto end = std::make_shared<const SystemRegion>(RegionDescription{"b", object.key(), 5, 5}, kMyself);
  const auto elsewhere = std::make_shared<const SystemRegion>(RegionDescription{"c", other.key(), 0, 10}, kMyself);
  CHECK(SharedBytes{whole, 4, 2}.overlaps({end, 0, 1}));
  CHECK(SharedBytes{end, 0, 1}.overlaps({whole, 0, 10}));
  CHECK_FALSE(SharedBytes{whole, 0, 5}.overlaps({end, 0, 5}));
  CHECK_FALSE(SharedBytes{end, 0, 5}.overlaps({whole, 0, 5}));
  CHECK_FALSE(SharedBytes{whole, 0, 10}.overlaps({elsewhere, 0, 10}));
}

}  // namespace shared_region_test
