#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "server/http_body.h"
#include "server/infer_json.h"

namespace {

/// What a body in chunks holds when it comes `step` bytes at a time; empty if it is refused.
std::optional<std::string> unchunked(std::string bytes, std::size_t step) {
  voxd::HttpBody body([&bytes, step](std::span<std::byte> target) {
    if (bytes.empty()) voxd::fail(voxd::Code::cancelled, "the connection ended");
    const std::size_t size = std::min({step, target.size(), bytes.size()});
    std::memcpy(target.data(), bytes.data(), size);
    bytes.erase(0, size);
    return size;
  });
  try {
    std::string all(bytes.size() + 1, '\0');
    all.resize(body.read(std::as_writable_bytes(std::span(all))));
    return all;
  } catch (const voxd::Error&) {
    return std::nullopt;
  }
}

}  // namespace

/// Any bytes are refused as the JSON of a request with an Error, or taken; as a body in chunks they are the same
/// however they come.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    voxd::parse_infer_json(text);
  } catch (const voxd::Error&) {
  }
  if (unchunked(text, 1) != unchunked(text, 4096)) {
    std::fprintf(stderr, "broken: a body depends on how it comes\n");
    std::abort();
  }
  return 0;
}
