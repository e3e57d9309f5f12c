#include "server/upload.h"

#include "tests/support/catch.h"

namespace upload_test {

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

TEST_CASE("parts that name channels are put in the model's order") {
  PipelineDescription description;
  description.name = "tumour";
  description.channel_names = {"T1c", "T1", "FLAIR"};
  const PartDescription t1c{"x", "", 1, "T1c"}, t1{"y", "", 2, "T1"}, flair{"z", "", 3, "FLAIR"};
  const auto ids = [&](const std::vector<PartDescription>& parts) {
    std::string text;
    for (const PartDescription& part : in_channel_order(parts, description)) text += part.id;
    return text;
  };
  CHECK(ids({flair, t1c, t1}) == "xyz");
  CHECK(ids(kTwoParts) == "ab");

  const auto refusal = [&](const std::vector<PartDescription>& parts) -> std::string {
    try {
      in_channel_order(parts, description);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(refusal({t1c, {"q", "", 1, "T2\n"}}) == "parts[1].channel: 'T2\\x0a', model 'tumour' has 'T1c', 'T1', 'FLAIR'");
  CHECK(refusal({t1c, kTwoParts[0], flair}) == "parts[1].channel: '', model 'tumour' has 'T1c', 'T1', 'FLAIR'");
  CHECK(refusal({t1, t1c, t1}) == "parts[2].channel: 'T1' occurs twice");
  CHECK(refusal({t1, t1c}) == "parts: channel 'FLAIR' is missing");
  description.channel_names.clear();
  CHECK(refusal({t1}) == "parts[0].channel: 'T1', model 'tumour' has none");
}

}  // namespace upload_test
