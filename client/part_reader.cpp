#include "client/part_reader.h"

#include <cerrno>
#include <cstring>
#include <system_error>

namespace voxd {

std::uint64_t byte_size(const ImagePart& part) {
  if (const auto* memory = std::get_if<std::span<const std::byte>>(&part.source)) return memory->size();
  const auto& path = std::get<std::filesystem::path>(part.source);
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  if (status.type() == std::filesystem::file_type::not_found) fail(Code::not_found, path.string(), ": no such file");
  if (status.type() == std::filesystem::file_type::none)
    fail(Code::invalid_argument, path.string(), ": ", failure.message());
  if (!std::filesystem::is_regular_file(status)) fail(Code::invalid_argument, path.string(), ": not a regular file");
  const std::uint64_t size = std::filesystem::file_size(path, failure);
  if (failure) fail(Code::invalid_argument, path.string(), ": ", failure.message());
  return size;
}

PartReader::PartReader(const ImagePart& part, std::uint64_t size) : name_(part.file_name), size_(size) {
  if (const auto* memory = std::get_if<std::span<const std::byte>>(&part.source)) {
    memory_ = *memory;
    return;
  }
  const auto& path = std::get<std::filesystem::path>(part.source);
  errno = 0;
  file_.open(path, std::ios::binary);
  if (!file_) fail(Code::invalid_argument, path.string(), ": ", errno != 0 ? std::strerror(errno) : "cannot be opened");
}

void PartReader::read(std::span<char> out) {
  if (file_.is_open()) {
    if (!file_.read(out.data(), static_cast<std::streamsize>(out.size())))
      fail(Code::data_loss, name_, ": ends before byte ", size_, ", the size that it had when the call began");
  } else {
    std::memcpy(out.data(), memory_.subspan(offset_).data(), out.size());
  }
  offset_ += out.size();
}

}  // namespace voxd
