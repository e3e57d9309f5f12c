#pragma once

#include <sstream>
#include <string>

namespace voxd {

/// The parts written one after the other.
template <class... Parts>
std::string concatenated(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

/// The text with everything but printable ASCII as \xNN, cut after `limit` characters: fit for logs and error messages.
std::string printable(const std::string& text, std::size_t limit = 64);

}  // namespace voxd
