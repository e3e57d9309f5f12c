#pragma once

#include <span>
#include <string>
#include <vector>

#include "client/segmentation_client.h"
#include "tests/support/catch.h"

namespace voxd::test {

inline std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  return bytes;
}

inline ImagePart in_memory(const std::string& bytes) {
  return ImagePart::memory("image.nii", std::as_bytes(std::span(bytes)));
}

inline SegmentationInput input_of(std::vector<ImagePart> parts) {
  SegmentationInput input;
  input.model = "brain";
  input.parts = std::move(parts);
  return input;
}

/// The Error that `act` throws; fails the test if there is none.
template <class Act>
Error error_from(Act&& act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  FAIL("no error was thrown");
  throw std::logic_error("unreachable");
}

}  // namespace voxd::test
