#include "server/infer_contents.h"

#include <cstring>
#include <limits>
#include <vector>

#include "server/printable.h"
#include "server/serving.h"

namespace voxd {
namespace {

template <class T>
ScatteredBytes owned_bytes(std::vector<T> values) {
  const auto owner = std::make_shared<const std::vector<T>>(std::move(values));
  ScatteredBytes bytes;
  bytes.pieces.push_back(std::as_bytes(std::span(*owner)));
  bytes.size = static_cast<std::int64_t>(bytes.pieces[0].size());
  bytes.owner = owner;
  return bytes;
}

template <class T, class Field>
ScatteredBytes narrowed(const std::string& input, const Field& field) {
  std::vector<T> values;
  values.reserve(static_cast<std::size_t>(field.size()));
  for (const auto value : field) {
    const T narrow = static_cast<T>(value);
    if constexpr (sizeof(T) < sizeof(value))
      if (static_cast<decltype(value + 0)>(narrow) != value)
        fail(Code::invalid_argument, "input '", printable(input), "': value ", value, " is not from ",
             static_cast<std::int64_t>(std::numeric_limits<T>::min()), " to ",
             static_cast<std::int64_t>(std::numeric_limits<T>::max()));
    values.push_back(narrow);
  }
  return owned_bytes(std::move(values));
}

int filled_fields(const inference::InferTensorContents& c) {
  int count = 0;
  for (const int size :
       {c.bool_contents_size(), c.int_contents_size(), c.int64_contents_size(), c.uint_contents_size(),
        c.uint64_contents_size(), c.fp32_contents_size(), c.fp64_contents_size(), c.bytes_contents_size()})
    count += size > 0;
  return count;
}

}  // namespace

ScatteredBytes typed_contents(const std::string& input, const inference::InferTensorContents& contents, WireType type) {
  if (filled_fields(contents) > 1)
    fail(Code::invalid_argument, "input '", printable(input), "': more than one field of contents is filled in");
  switch (type) {
    case WireType::u8: return narrowed<std::uint8_t>(input, contents.uint_contents());
    case WireType::u16: return narrowed<std::uint16_t>(input, contents.uint_contents());
    case WireType::u32: return narrowed<std::uint32_t>(input, contents.uint_contents());
    case WireType::u64: return narrowed<std::uint64_t>(input, contents.uint64_contents());
    case WireType::i8: return narrowed<std::int8_t>(input, contents.int_contents());
    case WireType::i16: return narrowed<std::int16_t>(input, contents.int_contents());
    case WireType::i32: return narrowed<std::int32_t>(input, contents.int_contents());
    case WireType::i64: return narrowed<std::int64_t>(input, contents.int64_contents());
    case WireType::f32: return narrowed<float>(input, contents.fp32_contents());
    case WireType::f64: return narrowed<double>(input, contents.fp64_contents());
    case WireType::f16:
    case WireType::bf16: break;
  }
  fail(Code::invalid_argument, "input '", printable(input), "': ", name_of(type),
       " must be sent in raw_input_contents");
}

}  // namespace voxd
