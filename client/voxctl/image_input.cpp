#include "client/voxctl/image_input.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <system_error>

namespace voxd::ctl {
namespace {

constexpr std::size_t max_stream_bytes = std::size_t{8} << 30;

/// "DICM" after a preamble of 128 bytes.
bool is_dicom(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  char start[132] = {};
  return stream.read(start, sizeof start) && std::memcmp(start + 128, "DICM", 4) == 0;
}

}  // namespace

NamedInput named_input(const std::string& argument) {
  const std::size_t equals = argument.find('=');
  std::error_code failure;
  if (equals == std::string::npos || equals == 0 || std::filesystem::exists(argument, failure)) return {"", argument};
  return {argument.substr(0, equals), argument.substr(equals + 1)};
}

ImageInput::ImageInput(const std::vector<std::string>& arguments) {
  const auto is_stdin = [](const std::string& argument) { return named_input(argument).file == "-"; };
  if (std::count_if(arguments.begin(), arguments.end(), is_stdin) > 1)
    fail(Code::invalid_argument, "INPUT -: standard input can be read once only");
  for (const std::string& argument : arguments) {
    const NamedInput input = named_input(argument);
    const std::size_t before = parts_.size();
    add(input.file);
    for (std::size_t i = before; i < parts_.size(); ++i) parts_[i].channel = input.channel;
    if (!input.channel.empty() && parts_.size() != before + 1)
      fail(Code::invalid_argument, argument, ": a channel is one file, the folder has ", parts_.size() - before);
  }
}

void ImageInput::add(const std::string& argument) {
  std::error_code failure;
  const auto status = std::filesystem::status(argument, failure);
  if (argument == "-") {
    add_stream(std::cin, "standard input");
  } else if (!std::filesystem::exists(status)) {
    fail(failure && status.type() != std::filesystem::file_type::not_found ? Code::invalid_argument : Code::not_found,
         argument, ": ", failure ? failure.message() : "no such file");
  } else if (std::filesystem::is_directory(status)) {
    add_folder(argument);
  } else if (std::filesystem::is_regular_file(status)) {
    parts_.push_back(ImagePart::file(argument));
  } else {
    std::ifstream stream(argument, std::ios::binary);
    if (!stream) fail(Code::invalid_argument, argument, ": ", std::strerror(errno));
    add_stream(stream, argument);
  }
}

void ImageInput::add_folder(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code failure;
  for (std::filesystem::directory_iterator entry(folder, failure), end; !failure && entry != end;
       entry.increment(failure))
    if (entry->is_regular_file(failure) && !entry->path().filename().string().starts_with("."))
      files.push_back(entry->path());
  if (failure) fail(Code::invalid_argument, folder.string(), ": ", failure.message());
  if (files.empty()) fail(Code::invalid_argument, folder.string(), ": a folder without files");
  std::sort(files.begin(), files.end());
  const auto others = std::stable_partition(files.begin(), files.end(), is_dicom);
  if (others != files.begin() && others != files.end()) {
    notes_.push_back(folder.string() + ": left out " + std::to_string(files.end() - others) +
                     " files that are not DICOM");
    files.erase(others, files.end());
  }
  for (const auto& file : files) parts_.push_back(ImagePart::file(file));
}

void ImageInput::add_stream(std::istream& stream, const std::string& name) {
  std::string& bytes = read_ahead_.emplace_back();
  std::vector<char> block(std::size_t{1} << 20);
  while (stream.read(block.data(), static_cast<std::streamsize>(block.size())) || stream.gcount() > 0) {
    bytes.append(block.data(), static_cast<std::size_t>(stream.gcount()));
    if (bytes.size() > max_stream_bytes) fail(Code::invalid_argument, name, ": more than ", max_stream_bytes, " bytes");
  }
  if (bytes.empty()) fail(Code::invalid_argument, name, ": empty");
  parts_.push_back(ImagePart::memory("", std::as_bytes(std::span(bytes))));
}

}  // namespace voxd::ctl
