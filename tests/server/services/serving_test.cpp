#include "server/serving.h"

#include <set>

#include "server/printable.h"
#include "tests/support/catch.h"

namespace serving_test {

using namespace voxd;

TEST_CASE("what is not printable ASCII is escaped, and long text is cut") {
  CHECK(printable("plain text") == "plain text");
  CHECK(printable("a\nb\\c\x7f\xc3") == "a\\x0ab\\x5cc\\x7f\\xc3");
  CHECK(printable(std::string(100, 'x'), 5) == "xxxxx...");
}

TEST_CASE("request ids are 16 hexadecimal digits and never the same") {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = make_request_id();
    CHECK(id.size() == 16);
    CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
    ids.insert(id);
  }
  CHECK(ids.size() == 1000);
}

TEST_CASE("a deadline that has passed is an error, none is not") {
  CHECK_NOTHROW(check_deadline(std::nullopt));
  CHECK_NOTHROW(check_deadline(Clock::now() + std::chrono::hours(1)));
  CHECK_THROWS_AS(check_deadline(Clock::now()), Error);
}

}  // namespace serving_test
