#include "server/wire_type.h"

#include <bit>
#include <cmath>
#include <limits>

#include "server/tensor_job.h"
#include "tests/support/catch.h"

namespace wire_type_test {

using namespace voxd;

TEST_CASE("every wire type's name leads back to it, and what is no number leads nowhere") {
  for (int i = 0; i <= static_cast<int>(WireType::f64); ++i) {
    const WireType type = static_cast<WireType>(i);
    CHECK(wire_type_of(name_of(type)) == type);
  }
  for (const char* name : {"BOOL", "BYTES", "fp32", "", "FP8"}) CHECK_FALSE(wire_type_of(name));
}

TEST_CASE("half precision is widened exactly") {
  CHECK(float_from_f16(0x3C00) == 1.0f);
  CHECK(float_from_f16(0xC000) == -2.0f);
  CHECK(float_from_f16(0x7BFF) == 65504.0f);
  CHECK(float_from_f16(0x0400) == std::ldexp(1.0f, -14));
  CHECK(float_from_f16(0x0001) == std::ldexp(1.0f, -24));
  CHECK(float_from_f16(0x83FF) == -1023 * std::ldexp(1.0f, -24));
  CHECK(std::signbit(float_from_f16(0x8000)));
  CHECK(float_from_f16(0x8000) == 0.0f);
  CHECK(float_from_f16(0x7C00) == std::numeric_limits<float>::infinity());
  CHECK(float_from_f16(0xFC00) == -std::numeric_limits<float>::infinity());
  CHECK(std::bit_cast<std::uint32_t>(float_from_f16(0x7E01)) == 0x7FC02000u);
}

TEST_CASE("bfloat16 is the upper half of a float") {
  CHECK(float_from_bf16(0x3F80) == 1.0f);
  CHECK(float_from_bf16(0xC2FE) == -127.0f);
  CHECK(std::isnan(float_from_bf16(0x7FC0)));
}

TEST_CASE("16-bit floats are widened in place wherever the pieces are cut") {
  std::vector<std::uint16_t> patterns(1000);
  for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<std::uint16_t>(i * 37);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(patterns));
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{999}, std::size_t{2000}}) {
    InputTensor tensor;
    tensor.type = WireType::f16;
    tensor.size = {10, 10, 10};
    tensor.data = ScatteredBytes{{bytes.first(cut), bytes.subspan(cut)}, 2000, nullptr};
    const HostVolume volume = volume_of(tensor, identity_affine(), allocate_host);
    const auto values = volume.as<float>();
    for (std::size_t i = 0; i < values.size(); ++i)
      REQUIRE(std::bit_cast<std::uint32_t>(values[i]) == std::bit_cast<std::uint32_t>(float_from_f16(patterns[i])));
  }
}

TEST_CASE("a result's shape has the declared number of axes") {
  CHECK(shape_with_rank(1, {2, 3, 4}, 5) == std::vector<std::int64_t>{1, 1, 2, 3, 4});
  CHECK(shape_with_rank(2, {2, 3, 4}, 4) == std::vector<std::int64_t>{2, 2, 3, 4});
  CHECK(shape_with_rank(1, {2, 3, 4}, 3) == std::vector<std::int64_t>{2, 3, 4});
  CHECK_THROWS_AS(shape_with_rank(2, {2, 3, 4}, 3), Error);
}

}  // namespace wire_type_test
