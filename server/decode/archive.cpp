#include "server/decode/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

constexpr std::size_t block_bytes = std::size_t{256} << 10;

struct Release {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, Release>;

bool begins(std::span<const std::byte> bytes, std::size_t at, std::string_view text) {
  return bytes.size() >= at + text.size() && std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

[[noreturn]] void fail_damaged() { fail(Code::invalid_argument, "archive: damaged or cut short"); }

Reader open(std::span<const std::byte> bytes) {
  Reader reader(archive_read_new());
  if (!reader) throw std::bad_alloc();
  archive_read_support_format_zip(reader.get());
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) fail_damaged();
  return reader;
}

bool is_wanted(archive_entry* entry) {
  if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr) return false;
  const char* const raw = archive_entry_pathname(entry);
  const std::string_view path = raw == nullptr ? "" : raw;
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  return !name.starts_with('.') && path.find("__MACOSX") == std::string_view::npos;
}

/// All of the file that the reader stands at; `left` bytes are allowed, and are what is then left of them.
std::vector<std::byte> read_file(archive* reader, std::int64_t& left, const ArchiveLimits& limits) {
  std::vector<std::byte> file;
  for (std::size_t size = 0;;) {
    file.resize(size + std::max(block_bytes, size / 2));
    const la_ssize_t count = archive_read_data(reader, file.data() + size, file.size() - size);
    if (count < 0) fail_damaged();
    size += static_cast<std::size_t>(count);
    left -= count;
    if (left < 0) fail(Code::invalid_argument, "archive: more than ", limits.max_bytes, " bytes unpacked");
    if (count > 0) continue;
    file.resize(size);
    return file;
  }
}

}  // namespace

bool is_archive(std::span<const std::byte> start) {
  return begins(start, 0, std::string_view("PK\3\4", 4)) || begins(start, 257, "ustar");
}

std::vector<HostBuffer> unpack_archive(std::span<const std::byte> bytes, const ArchiveLimits& limits,
                                       const HostAllocator& allocate) {
  const Reader reader = open(bytes);
  std::vector<HostBuffer> files;
  std::int64_t left = limits.max_bytes;
  archive_entry* entry = nullptr;
  for (;;) {
    const int result = archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) return files;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail_damaged();
    if (archive_entry_is_encrypted(entry) != 0) fail(Code::invalid_argument, "archive: encrypted");
    if (!is_wanted(entry)) continue;
    const std::vector<std::byte> file = read_file(reader.get(), left, limits);
    if (file.empty()) continue;
    if (files.size() == limits.max_files)
      fail(Code::invalid_argument, "archive: more than ", limits.max_files, " files");
    files.push_back(allocate(file.size()));
    std::memcpy(files.back().data(), file.data(), file.size());
  }
}

}  // namespace voxd
