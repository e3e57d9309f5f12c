#include "tests/golden_runner/golden_case.h"

#include <fstream>

namespace voxd::golden {

std::vector<Case> read_index(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "index.json";
  std::ifstream stream(file);
  if (!stream) fail(Code::not_found, file.string(), ": cannot be opened");
  const nlohmann::json index = nlohmann::json::parse(stream);
  std::vector<Case> cases;
  for (const nlohmann::json& entry : index.at("cases")) cases.push_back({entry.at("id"), entry.at("transform"), entry});
  return cases;
}

namespace {

DType dtype_named(const std::string& name) {
  if (name == "bool") return DType::u8;
  for (const DType type : {DType::u8, DType::i8, DType::u16, DType::i16, DType::u32, DType::i32, DType::u64, DType::i64,
                           DType::f32, DType::f64})
    if (name_of(type) == name) return type;
  fail(Code::invalid_argument, "dtype: unknown \"", name, "\"");
}

test::NpyArray as_type(test::NpyArray array, DType type) {
  if (array.dtype == type) return array;
  test::NpyArray result = test::make_npy(type, array.shape);
  visit_dtype(array.dtype, [&](auto from) {
    visit_dtype(type, [&](auto to) {
      const auto source = array.as<decltype(from)>();
      const auto target = result.as<decltype(to)>();
      for (std::size_t i = 0; i < source.size(); ++i) target[i] = static_cast<decltype(to)>(source[i]);
    });
  });
  return result;
}

}  // namespace

test::NpyArray read_array(const std::filesystem::path& folder, const nlohmann::json& entry) {
  test::NpyArray array = test::read_npy(folder / entry.at("file").get<std::string>());
  return as_type(std::move(array), dtype_named(entry.at("dtype")));
}

Affine affine_of(const nlohmann::json& entry) {
  Affine affine = identity_affine();
  if (!entry.contains("affine")) return affine;
  for (std::size_t row = 0; row < 4; ++row)
    for (std::size_t column = 0; column < 4; ++column) affine[row][column] = entry["affine"][row][column];
  return affine;
}

}  // namespace voxd::golden
