#include "tests/support/nifti_builder.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string_view>

#include "gpu_transforms/volume/error.h"

namespace voxd::test {
namespace {

/// Appends numbers in the file's byte order.
class Writer {
 public:
  explicit Writer(bool big_endian) : big_endian_(big_endian) {}

  template <class T, class From>
  void put(From value) {
    const T typed = static_cast<T>(value);
    std::array<std::byte, sizeof(T)> raw;
    std::memcpy(raw.data(), &typed, sizeof(T));
    if (big_endian_) std::reverse(raw.begin(), raw.end());
    for (std::byte b : raw) bytes_.push_back(b);
  }
  template <class T, class Range>
  void put_all(const Range& values) {
    for (const auto& value : values) put<T>(value);
  }
  void put_text(std::string_view text) {
    for (char c : text) bytes_.push_back(static_cast<std::byte>(c));
  }
  void pad_to(std::size_t size) { bytes_.resize(std::max(size, bytes_.size())); }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  bool big_endian_;
  std::vector<std::byte> bytes_;
};

void put_srow(Writer& out, const Affine& srow, bool doubles) {
  for (int row = 0; row < 3; ++row)
    if (doubles)
      out.put_all<double>(srow[row]);
    else
      out.put_all<float>(srow[row]);
}

std::string_view magic_of(const NiftiSpec& spec) {
  const std::size_t size = spec.version == 1 ? 4 : 8;
  if (spec.magic[0] != 0) return {spec.magic.data(), size};
  return spec.version == 1 ? std::string_view("n+1\0", 4) : std::string_view("n+2\0\r\n\032\n", 8);
}

void put_header_1(Writer& out, const NiftiSpec& spec, int bitpix) {
  out.put<std::int32_t>(348);
  out.pad_to(40);
  out.put_all<std::int16_t>(spec.dim);
  out.pad_to(70);
  out.put<std::int16_t>(spec.datatype.value_or(nifti_datatype(spec.stored)));
  out.put<std::int16_t>(bitpix);
  out.pad_to(76);
  out.put_all<float>(spec.pixdim);
  out.put<float>(spec.vox_offset.value_or(352));
  out.put<float>(spec.scl_slope);
  out.put<float>(spec.scl_inter);
  out.pad_to(252);
  out.put<std::int16_t>(spec.qform_code);
  out.put<std::int16_t>(spec.sform_code);
  out.put_all<float>(spec.quatern);
  out.put_all<float>(spec.qoffset);
  put_srow(out, spec.srow, false);
  out.pad_to(344);
  out.put_text(magic_of(spec));
  out.pad_to(352);
}

void put_header_2(Writer& out, const NiftiSpec& spec, int bitpix) {
  out.put<std::int32_t>(540);
  out.put_text(magic_of(spec));
  out.put<std::int16_t>(spec.datatype.value_or(nifti_datatype(spec.stored)));
  out.put<std::int16_t>(bitpix);
  out.put_all<std::int64_t>(spec.dim);
  out.pad_to(104);
  out.put_all<double>(spec.pixdim);
  out.put<std::int64_t>(spec.vox_offset.value_or(544));
  out.put<double>(spec.scl_slope);
  out.put<double>(spec.scl_inter);
  out.pad_to(344);
  out.put<std::int32_t>(spec.qform_code);
  out.put<std::int32_t>(spec.sform_code);
  out.put_all<double>(spec.quatern);
  out.put_all<double>(spec.qoffset);
  put_srow(out, spec.srow, true);
  out.pad_to(544);
}

void gzip_member(std::span<const std::byte> bytes, std::vector<std::byte>& out) {
  constexpr int gzip_window = 15 + 16;
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    fail(Code::internal, "zlib: deflateInit2");
  const std::size_t start = out.size();
  out.resize(start + deflateBound(&stream, bytes.size()) + 64);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data() + start);
  stream.avail_out = static_cast<uInt>(out.size() - start);
  const int result = deflate(&stream, Z_FINISH);
  out.resize(start + stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) fail(Code::internal, "zlib: deflate returned ", result);
}

}  // namespace

NiftiSpec& NiftiSpec::ramp(std::int64_t x, std::int64_t y, std::int64_t z) {
  dim = {3, x, y, z, 1, 1, 1, 1};
  values.resize(static_cast<std::size_t>(x * y * z));
  std::iota(values.begin(), values.end(), 0.0);
  return *this;
}

NiftiSpec small_nifti() { return NiftiSpec{}.ramp(4, 3, 2); }

int nifti_datatype(DType type) {
  switch (type) {
    case DType::u8: return 2;
    case DType::i8: return 256;
    case DType::u16: return 512;
    case DType::i16: return 4;
    case DType::u32: return 768;
    case DType::i32: return 8;
    case DType::u64: return 1280;
    case DType::i64: return 1024;
    case DType::f32: return 16;
    case DType::f64: return 64;
  }
  return 0;
}

std::vector<std::byte> nifti_bytes(const NiftiSpec& spec) {
  Writer out(spec.big_endian);
  const int bitpix = spec.bitpix.value_or(static_cast<int>(8 * size_of(spec.stored)));
  if (spec.version == 1)
    put_header_1(out, spec, bitpix);
  else
    put_header_2(out, spec, bitpix);
  // An offset that makes sense is obeyed; nonsense is a matter of the header alone.
  if (spec.vox_offset.value_or(0) >= 352 && spec.vox_offset.value_or(0) < 1e6)
    out.pad_to(static_cast<std::size_t>(*spec.vox_offset));
  visit_dtype(spec.stored, [&](auto zero) { out.put_all<decltype(zero)>(spec.values); });
  std::vector<std::byte> file = out.take();
  file.insert(file.end(), spec.after.begin(), spec.after.end());
  return file;
}

std::vector<std::byte> gzip_bytes(std::span<const std::byte> bytes, int members) {
  std::vector<std::byte> file;
  for (int member = 0; member < members; ++member) {
    const std::size_t start = bytes.size() * member / members;
    const std::size_t end = bytes.size() * (member + 1) / members;
    gzip_member(bytes.subspan(start, end - start), file);
  }
  return file;
}

std::vector<std::byte> gunzip_bytes(std::span<const std::byte> file) {
  constexpr int gzip_window = 15 + 16;
  std::vector<std::byte> bytes;
  std::vector<std::byte> piece(1 << 16);
  while (!file.empty()) {
    z_stream stream{};
    if (inflateInit2(&stream, gzip_window) != Z_OK) fail(Code::internal, "zlib: inflateInit2");
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(file.data()));
    stream.avail_in = static_cast<uInt>(file.size());
    int result = Z_OK;
    while (result == Z_OK) {
      stream.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream.avail_out = static_cast<uInt>(piece.size());
      result = inflate(&stream, Z_NO_FLUSH);
      bytes.insert(bytes.end(), piece.begin(), piece.end() - stream.avail_out);
    }
    file = file.last(stream.avail_in);
    inflateEnd(&stream);
    if (result != Z_STREAM_END) fail(Code::internal, "zlib: inflate returned ", result);
  }
  return bytes;
}

}  // namespace voxd::test
