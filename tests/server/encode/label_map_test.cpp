#include "server/encode/label_map.h"

#include <limits>

#include "tests/support/catch.h"

namespace voxd::label_map_test {
namespace {

template <class T>
HostVolume result_of(std::initializer_list<T> values) {
  HostVolume volume =
      make_host_volume(dtype_of<T>, 1, {{1, 1, static_cast<std::int32_t>(values.size())}, identity_affine()});
  std::copy(values.begin(), values.end(), volume.as<T>().begin());
  return volume;
}

TEST_CASE("fractions become the labels that they are nearest to", "[encode]") {
  const HostVolume labels = nearest_labels(result_of<float>({0, 0.49f, 0.5f, 0.51f, 1.5f, 2.4f, 255.2f, -0.3f}));
  REQUIRE(labels.dtype == DType::u8);
  const auto voxels = labels.as<std::uint8_t>();
  CHECK(std::vector<int>(voxels.begin(), voxels.end()) == std::vector<int>{0, 0, 0, 1, 2, 2, 255, 0});
  CHECK(nearest_labels(result_of<float>({255.6f, 1})).as<std::uint16_t>()[0] == 256);
  CHECK(nearest_labels(result_of<std::int64_t>({65535, 3})).as<std::uint16_t>()[1] == 3);
}

TEST_CASE("a label map stays what it is", "[encode]") {
  const HostVolume labels = result_of<std::uint16_t>({0, 7});
  CHECK(&*LabelMap(labels) == &labels);
  const HostVolume scores = result_of<float>({0, 7.2f});
  CHECK((*LabelMap(scores)).dtype == DType::u8);
}

TEST_CASE("what is near to no label is refused with the value", "[encode]") {
  using Catch::Contains;
  CHECK_THROWS_WITH(nearest_labels(result_of<float>({1, -0.6f})), Contains("label map: a voxel is -0.6"));
  CHECK_THROWS_WITH(nearest_labels(result_of<float>({65535.6f})), Contains("not near to a label in 0..65535"));
  CHECK_THROWS_WITH(nearest_labels(result_of<float>({std::numeric_limits<float>::quiet_NaN()})), Contains("nan"));
  CHECK_THROWS_WITH(nearest_labels(make_host_volume(DType::f32, 2, {{1, 1, 1}, identity_affine()})),
                    Contains("2 channels, one expected"));
}

}  // namespace
}  // namespace voxd::label_map_test
