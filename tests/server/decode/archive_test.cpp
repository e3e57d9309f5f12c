#include "server/decode/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <random>
#include <string>
#include <utility>

#include "tests/support/catch.h"

namespace voxd::archive_test {
namespace {

using Bytes = std::vector<std::byte>;
using Catch::Matchers::Contains;
using Named = std::vector<std::pair<std::string, std::string>>;

Bytes packed(const Named& files, bool zip) {
  Bytes bytes(1 << 20);
  std::size_t used = 0;
  archive* const writer = archive_write_new();
  zip ? archive_write_set_format_zip(writer) : archive_write_set_format_ustar(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  archive_write_open_memory(writer, bytes.data(), bytes.size(), &used);
  for (const auto& [name, content] : files) {
    archive_entry* const entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    const bool is_folder = name.ends_with('/');
    archive_entry_set_filetype(entry, is_folder ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_write_header(writer, entry);
    if (!is_folder) archive_write_data(writer, content.data(), content.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  bytes.resize(used);
  return bytes;
}

std::vector<std::string> unpacked(const Bytes& bytes, ArchiveLimits limits = {}) {
  std::vector<std::string> texts;
  for (const HostBuffer& file : unpack_archive(bytes, limits, allocate_host))
    texts.emplace_back(reinterpret_cast<const char*>(file.data()), file.size());
  return texts;
}

const Named some{{"series/", ""},   {"series/b", "second"},    {"../../etc/a", "first"},
                 {"/abs", "third"}, {"series/.DS_Store", "x"}, {"__MACOSX/series/b", "y"},
                 {"empty", ""}};

TEST_CASE("an archive's files come out in its order, without hidden and empty ones", "[archive]") {
  const bool zip = GENERATE(true, false);
  const Bytes bytes = packed(some, zip);
  CHECK(is_archive(bytes));
  CHECK(unpacked(bytes) == std::vector<std::string>{"second", "first", "third"});
  CHECK_FALSE(is_archive(Bytes(600)));
}

TEST_CASE("an archive beyond the limits is refused while it is unpacked", "[archive]") {
  const bool zip = GENERATE(true, false);
  const Bytes bomb = packed({{"a", std::string(200'000, '\0')}, {"b", std::string(200'000, '\0')}}, zip);
  CHECK_THROWS_WITH(unpacked(bomb, {.max_files = 10, .max_bytes = 300'000}), Contains("more than 300000 bytes"));
  CHECK_THROWS_WITH(unpacked(bomb, {.max_files = 1, .max_bytes = 500'000}), Contains("more than 1 files"));
  CHECK(unpacked(bomb, {.max_files = 2, .max_bytes = 400'000}).size() == 2);
}

TEST_CASE("an archive cut or damaged at any byte is refused or unpacked, and nothing else", "[archive]") {
  const bool zip = GENERATE(true, false);
  const Bytes bytes = packed(some, zip);
  const auto run = [](const Bytes& archive) {
    try {
      unpacked(archive, {.max_files = 20, .max_bytes = 10'000});
    } catch (const Error& error) {
      CHECK(error.code() == Code::invalid_argument);
    }
  };
  for (std::size_t end = 0; end < bytes.size(); ++end)
    run(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(end)));
  std::mt19937 random(3);
  for (int round = 0; round < 1000; ++round) {
    Bytes damaged = bytes;
    damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    run(damaged);
  }
}

}  // namespace
}  // namespace voxd::archive_test
