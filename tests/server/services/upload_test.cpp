#include "server/upload.h"

#include "tests/support/catch.h"

using namespace voxd;

namespace {

std::string text_of(const StagedPart& part) {
  return {reinterpret_cast<const char*>(part.bytes.data()), part.bytes.size()};
}

const std::vector<PartDescription> kTwoParts{{"a", "", 4}, {"b", "nifti", 3}};

}  // namespace

TEST_CASE("parts whose chunks come interleaved are put together in the order announced") {
  Upload upload(kTwoParts, {}, allocate_host);
  upload.add("b", 0, "xy");
  upload.add("a", 0, "12");
  CHECK(upload.fraction() == 4.0 / 7.0);
  upload.add("a", 2, "34");
  upload.add("b", 2, "z");
  CHECK(upload.fraction() == 1);
  const std::vector<StagedPart> parts = upload.take();
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].id == "a");
  CHECK(text_of(parts[0]) == "1234");
  CHECK(parts[1].format == "nifti");
  CHECK(text_of(parts[1]) == "xyz");
}

TEST_CASE("a part with bytes missing is not handed over") {
  Upload upload(kTwoParts, {}, allocate_host);
  upload.add("a", 0, "1234");
  CHECK_THROWS_WITH(upload.take(), "part 'b': 0 bytes arrived, 3 were announced");
}

TEST_CASE("a chunk that runs past the end by one byte leaves the part as it was") {
  Upload upload(kTwoParts, {}, allocate_host);
  upload.add("a", 0, "123");
  CHECK_THROWS_AS(upload.add("a", 3, "45"), Error);
  upload.add("a", 3, "4");
  upload.add("b", 0, "xyz");
  CHECK(text_of(upload.take()[0]) == "1234");
}

TEST_CASE("the sizes of the parts are added up") { CHECK(check_parts(kTwoParts, {}) == 7); }
