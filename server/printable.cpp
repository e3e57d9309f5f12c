#include "server/printable.h"

#include <iomanip>
#include <sstream>

namespace voxd {

std::string printable(const std::string& text, std::size_t limit) {
  std::ostringstream out;
  out << std::hex << std::setfill('0');
  for (const char c : text.substr(0, limit)) {
    if (c >= ' ' && c <= '~' && c != '\\')
      out << c;
    else
      out << "\\x" << std::setw(2) << static_cast<int>(static_cast<unsigned char>(c));
  }
  if (text.size() > limit) out << "...";
  return out.str();
}

}  // namespace voxd
