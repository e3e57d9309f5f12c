#include "server/http_body.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "gpu_transforms/volume/error.h"
#include "tests/support/catch.h"
#include "tests/support/code_of.h"

namespace http_body_test {

using namespace voxd;
using namespace voxd::test;

namespace {

/// Hands out what a connection would, `step` bytes at a time, and then its end.
HttpBody::Receive connection_with(std::string& bytes, std::size_t step = 1000) {
  return [&bytes, step](std::span<std::byte> target) {
    if (bytes.empty()) fail(Code::cancelled, "the connection ended");
    const std::size_t size = std::min({step, target.size(), bytes.size()});
    std::memcpy(target.data(), bytes.data(), size);
    bytes.erase(0, size);
    return size;
  };
}

std::string read_all(HttpBody& body, std::size_t at_once = 100) {
  std::string all;
  for (;;) {
    std::string part(at_once, '\0');
    part.resize(body.read(std::as_writable_bytes(std::span(part))));
    all += part;
    if (part.size() < at_once) return all;
  }
}

const std::string kChunked = "5\r\nvolum\r\nA;name=value\r\ne of bytes\r\n0\r\nTrailer: x\r\n\r\n";

}  // namespace

TEST_CASE("a body of known length ends there, whatever follows") {
  std::string bytes = "volume and the next request";
  HttpBody body(6, connection_with(bytes, 4));
  CHECK(body.length() == 6);
  CHECK_FALSE(body.ended());
  CHECK(read_all(body) == "volume");
  CHECK(body.ended());
  CHECK(bytes == " and the next request");
}

TEST_CASE("a body in chunks is the same however it comes and is read") {
  for (std::size_t step = 1; step < 12; ++step)
    for (const std::size_t at_once : {1, 3, 4096}) {
      CAPTURE(step, at_once);
      std::string bytes = kChunked + "GET";
      HttpBody body(connection_with(bytes, step));
      CHECK_FALSE(body.length());
      CHECK(read_all(body, at_once) == "volume of bytes");
      CHECK(body.ended());
      CHECK(bytes == "GET");
    }
}

TEST_CASE("a body in chunks that is cut short anywhere is not taken for whole") {
  for (std::size_t n = 0; n < kChunked.size(); ++n) {
    CAPTURE(n);
    std::string bytes = kChunked.substr(0, n);
    HttpBody body(connection_with(bytes));
    CHECK(code_of([&] { read_all(body); }) == Code::cancelled);
    CHECK_FALSE(body.ended());
  }
}

TEST_CASE("what is no chunk is refused") {
  const auto refused = [](std::string bytes) {
    HttpBody body(connection_with(bytes));
    return code_of([&] { read_all(body); }) == Code::invalid_argument;
  };
  for (const char* bytes : {"\r\n", "x\r\n", "-5\r\nabcde\r\n", "0x5\r\n", "5,\r\nabcde\r\n0\r\n\r\n",
                            "5\r\nabcdef\r\n0\r\n\r\n", "1000000000000000\r\n", "ffffffffffffffffffff\r\n"}) {
    CAPTURE(bytes);
    CHECK(refused(bytes));
  }
  CHECK(refused("5;" + std::string(300, 'x') + "\r\nabcde\r\n0\r\n\r\n"));
  std::string trailers;
  for (int i = 0; i < 40; ++i) trailers += "A: b\r\n";
  CHECK(refused("0\r\n" + trailers + "\r\n"));
}

TEST_CASE("headers that say how the body comes must say one thing") {
  std::string none;
  const auto body_of = [&none](std::size_t lengths, const char* length, std::size_t encodings, const char* encoding) {
    return http_body_of(lengths, length, encodings, encoding, connection_with(none));
  };
  CHECK(body_of(0, "", 0, "").ended());
  CHECK(body_of(1, "0", 0, "").ended());
  CHECK(body_of(1, "3000000000", 0, "").length() == 3'000'000'000);
  CHECK_FALSE(body_of(0, "", 1, "chunked").length());
  CHECK(code_of([&] { body_of(1, "5", 1, "chunked"); }) == Code::invalid_argument);
  CHECK(code_of([&] { body_of(2, "5", 0, ""); }) == Code::invalid_argument);
  CHECK(code_of([&] { body_of(0, "", 1, "gzip, chunked"); }) == Code::unimplemented);
  for (const char* length : {"", "-1", "+5", " 5", "5x", "0x10", "9999999999999999999"}) {
    CAPTURE(length);
    CHECK(code_of([&] { body_of(1, length, 0, ""); }) == Code::invalid_argument);
  }
}

}  // namespace http_body_test
