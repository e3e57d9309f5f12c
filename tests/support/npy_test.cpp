#include "tests/support/npy.h"

#include <algorithm>
#include <fstream>
#include <random>

#include "tests/support/catch.h"

namespace voxd::test::npy_test {
namespace {

/// A file name of its own in the system's folder for temporary files; the file goes when this does.
class TemporaryFile {
 public:
  TemporaryFile()
      : path_(std::filesystem::temp_directory_path() /
              ("voxd_npy_" + std::to_string(std::random_device{}()) + ".npy")) {}
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

NpyArray ramp(DType dtype, std::vector<std::int64_t> shape) {
  NpyArray array = make_npy(dtype, std::move(shape));
  visit_dtype(dtype, [&](auto zero) {
    auto value = zero;
    for (auto& element : array.as<decltype(zero)>()) element = value++;
  });
  return array;
}

TEST_CASE("an array of any type and rank comes back from its file", "[support][npy]") {
  const auto dtype = GENERATE(DType::u8, DType::i8, DType::u16, DType::i16, DType::u32, DType::i32, DType::u64,
                              DType::i64, DType::f32, DType::f64);
  const auto shape =
      GENERATE(std::vector<std::int64_t>{}, std::vector<std::int64_t>{5}, std::vector<std::int64_t>{2, 3, 4},
               std::vector<std::int64_t>{1, 2, 0, 4}, std::vector<std::int64_t>{1, 2, 3, 2, 2});
  const NpyArray array = ramp(dtype, shape);
  const TemporaryFile file;
  write_npy(file.path(), array);
  const NpyArray read = read_npy(file.path());
  REQUIRE(read.dtype == dtype);
  REQUIRE(read.shape == shape);
  REQUIRE(std::ranges::equal(read.data.bytes(), array.data.bytes()));
}

TEST_CASE("an array is a volume if it has three or four axes", "[support][npy]") {
  const HostVolume volume = to_volume(ramp(DType::i16, {2, 3, 4, 5}));
  REQUIRE(volume.channels == 2);
  REQUIRE(volume.geometry.size == Int3{3, 4, 5});
  REQUIRE(to_npy(volume).shape == std::vector<std::int64_t>{2, 3, 4, 5});
  REQUIRE(to_volume(ramp(DType::u8, {3, 4, 5})).channels == 1);
  REQUIRE_THROWS_AS(to_volume(ramp(DType::u8, {4, 5})), Error);
}

TEST_CASE("a .npy file that is cut short, or is none, is refused", "[support][npy]") {
  const TemporaryFile file;
  write_npy(file.path(), ramp(DType::f32, {3, 4}));
  for (auto size = std::filesystem::file_size(file.path()); size-- > 0;) {
    std::filesystem::resize_file(file.path(), size);
    CAPTURE(size);
    REQUIRE_THROWS_AS(read_npy(file.path()), Error);
  }
  REQUIRE_THROWS_AS(read_npy(file.path().string() + ".absent"), Error);
}

}  // namespace
}  // namespace voxd::test::npy_test
