#include "tests/support/npy.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "gpu_transforms/volume/checked.h"

namespace voxd::test {
namespace {

static_assert(std::endian::native == std::endian::little, "the descriptors below say little endian");

constexpr std::string_view magic = "\x93NUMPY";

struct Described {
  std::string_view descriptor;  // without the byte order
  DType dtype;
};
constexpr Described descriptors[] = {{"u1", DType::u8},  {"i1", DType::i8},  {"u2", DType::u16}, {"i2", DType::i16},
                                     {"u4", DType::u32}, {"i4", DType::i32}, {"u8", DType::u64}, {"i8", DType::i64},
                                     {"f4", DType::f32}, {"f8", DType::f64}, {"b1", DType::u8}};

DType dtype_of_descriptor(std::string_view text) {
  for (const Described& known : descriptors)
    if (text == known.descriptor) return known.dtype;
  fail(Code::invalid_argument, "npy: descr '", text, "' is not supported");
}

std::string descriptor_of(DType type) {
  for (const Described& known : descriptors)
    if (known.dtype == type) return std::string(size_of(type) == 1 ? "|" : "<").append(known.descriptor);
  fail(Code::internal, "npy: no descriptor for ", name_of(type));
}

/// What stands between the colon after `'key'` and the next character of `stop`.
std::string_view value_of(std::string_view header, std::string_view key, char stop) {
  const std::size_t found = header.find(std::string("'").append(key).append("'"));
  const std::size_t colon = header.find(':', found == std::string_view::npos ? header.size() : found);
  if (colon == std::string_view::npos) fail(Code::invalid_argument, "npy: the header has no '", key, "'");
  const std::size_t start = std::min(header.find_first_not_of(' ', colon + 1), header.size());
  const std::size_t end = header.find(stop, start);
  if (end == std::string_view::npos) fail(Code::invalid_argument, "npy: the header ends inside '", key, "'");
  return header.substr(start, end - start);
}

/// "(13, 10, 12" to {13, 10, 12}; "(5," to {5}; "(" to {}.
std::vector<std::int64_t> parse_shape(std::string_view text) {
  std::string words(text);
  for (char& c : words)
    if (c == '(' || c == ',') c = ' ';
  std::istringstream numbers(words);
  std::vector<std::int64_t> shape;
  for (std::int64_t size = 0; numbers >> size;) shape.push_back(size);
  if (!numbers.eof()) fail(Code::invalid_argument, "npy: shape ", text, ") cannot be read");
  return shape;
}

template <class T>
T read_little(std::istream& in, const std::filesystem::path& file) {
  T value{};
  if (!in.read(reinterpret_cast<char*>(&value), sizeof value))
    fail(Code::invalid_argument, file.string(), ": the header is cut short");
  return value;
}

void swap_elements(HostBuffer& data, std::size_t element_size) {
  for (std::size_t at = 0; at + element_size <= data.size(); at += element_size)
    std::reverse(data.data() + at, data.data() + at + element_size);
}

}  // namespace

std::int64_t NpyArray::count() const {
  std::int64_t product = 1;
  for (std::int64_t size : shape) product = checked_product({product, size}, "npy shape");
  return product;
}

NpyArray make_npy(DType dtype, std::vector<std::int64_t> shape) {
  NpyArray array;
  array.dtype = dtype;
  array.shape = std::move(shape);
  const auto bytes = checked_product({array.count(), static_cast<std::int64_t>(size_of(dtype))}, "npy shape");
  array.data = allocate_host(static_cast<std::size_t>(bytes));
  return array;
}

NpyArray read_npy(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) fail(Code::not_found, file.string(), ": cannot be opened");
  char start[8] = {};
  in.read(start, sizeof start);
  if (!in || std::string_view(start, magic.size()) != magic)
    fail(Code::invalid_argument, file.string(), ": not a .npy file");

  const bool long_header = start[6] >= 2;
  const std::uint32_t length =
      long_header ? read_little<std::uint32_t>(in, file) : read_little<std::uint16_t>(in, file);
  std::string header(std::min<std::uint32_t>(length, 1u << 20), '\0');
  if (!in.read(header.data(), static_cast<std::streamsize>(header.size())) || header.size() != length)
    fail(Code::invalid_argument, file.string(), ": the header is cut short");

  const std::string_view descriptor = value_of(header, "descr", ',');
  if (descriptor.size() != 5 || value_of(header, "fortran_order", ',') != "False")
    fail(Code::invalid_argument, file.string(), ": neither a plain numeric type nor C order: ", header);
  NpyArray array = make_npy(dtype_of_descriptor(descriptor.substr(2, 2)), parse_shape(value_of(header, "shape", ')')));
  if (!in.read(reinterpret_cast<char*>(array.data.data()), static_cast<std::streamsize>(array.data.size())))
    fail(Code::invalid_argument, file.string(), ": the data is cut short");
  if (descriptor[1] == '>') swap_elements(array.data, size_of(array.dtype));
  return array;
}

void write_npy(const std::filesystem::path& file, const NpyArray& array) {
  std::string header = "{'descr': '" + descriptor_of(array.dtype) + "', 'fortran_order': False, 'shape': (";
  for (std::int64_t size : array.shape) header += std::to_string(size) + ", ";
  header += "), }";
  // The data starts on a multiple of 64 bytes, the header ends with a newline.
  while ((magic.size() + 4 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  const auto length = static_cast<std::uint16_t>(header.size());

  std::ofstream out(file, std::ios::binary);
  out << magic << '\x01' << '\x00';
  out.write(reinterpret_cast<const char*>(&length), sizeof length);
  out << header;
  out.write(reinterpret_cast<const char*>(array.data.data()), static_cast<std::streamsize>(array.data.size()));
  out.close();
  if (!out) fail(Code::internal, file.string(), ": cannot be written");
}

HostVolume to_volume(NpyArray array, const Affine& affine) {
  const std::size_t rank = array.shape.size();
  if (rank != 3 && rank != 4) fail(Code::invalid_argument, "npy: an array of rank ", rank, " is not a volume");
  HostVolume volume;
  volume.dtype = array.dtype;
  volume.channels = rank == 4 ? static_cast<std::int32_t>(array.shape[0]) : 1;
  for (std::size_t axis = 0; axis < 3; ++axis)
    volume.geometry.size[axis] = static_cast<std::int32_t>(array.shape[rank - 3 + axis]);
  volume.geometry.affine = affine;
  volume.voxels = std::move(array.data);
  return volume;
}

NpyArray to_npy(const HostVolume& volume) {
  const Int3& size = volume.geometry.size;
  NpyArray array = make_npy(volume.dtype, {volume.channels, size[0], size[1], size[2]});
  std::memcpy(array.data.data(), volume.voxels.data(), array.data.size());
  return array;
}

}  // namespace voxd::test
