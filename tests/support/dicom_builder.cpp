#include "tests/support/dicom_builder.h"

#include <zlib.h>

#include <cstdio>
#include <stdexcept>
#include <string_view>

namespace voxd::test {
namespace {

struct Encoding {
  bool is_explicit = true;
  bool big_endian = false;
};

class Writer {
 public:
  explicit Writer(Encoding encoding) : encoding_(encoding) {}

  void u16(std::uint32_t value) { put(value, 2); }
  void u32(std::uint32_t value) { put(value, 4); }
  void bytes(std::string_view text) { out_ += text; }
  void tag(std::uint32_t value) {
    u16(value >> 16);
    u16(value & 0xFFFF);
  }

  void element(std::uint32_t where, const DicomElement& element) {
    std::string value = element.text;
    if (element.vr == "SQ") value = items(element.items);
    if (!element.words.empty()) {
      Writer words(encoding_);
      for (const std::uint16_t word : element.words) words.u16(word);
      value = words.out_;
    }
    if (value.size() % 2 != 0) value += element.vr == "UI" ? '\0' : ' ';
    tag(where);
    header(element.vr, static_cast<std::uint32_t>(value.size()));
    out_ += value;
  }

  void header(const std::string& vr, std::uint32_t length) {
    if (!encoding_.is_explicit) {
      u32(length);
      return;
    }
    out_ += vr;
    if (vr == "OB" || vr == "OW" || vr == "SQ" || vr == "UN" || vr == "UT") {
      u16(0);
      u32(length);
    } else {
      u16(length);
    }
  }

  void dataset(const DicomDataset& elements) {
    for (const auto& [where, value] : elements) element(where, value);
  }

  const std::string& out() const { return out_; }

 private:
  void put(std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i) out_ += static_cast<char>(value >> 8 * (encoding_.big_endian ? size - 1 - i : i));
  }

  std::string items(const std::vector<DicomDataset>& of) const {
    Writer writer(encoding_);
    for (const DicomDataset& item : of) {
      Writer inside(encoding_);
      inside.dataset(item);
      writer.tag(0xFFFEE000);
      writer.u32(static_cast<std::uint32_t>(inside.out_.size()));
      writer.bytes(inside.out_);
    }
    return writer.out_;
  }

  Encoding encoding_;
  std::string out_;
};

std::string deflate_raw(const std::string& data) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::runtime_error("deflate");
  std::string out(deflateBound(&stream, data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

void write_fragments(Writer& writer, const std::vector<std::vector<std::byte>>& fragments) {
  writer.tag(tag::pixel_data);
  writer.header("OB", 0xFFFFFFFF);
  writer.tag(0xFFFEE000);
  writer.u32(0);
  for (const std::vector<std::byte>& fragment : fragments) {
    std::string bytes(reinterpret_cast<const char*>(fragment.data()), fragment.size());
    if (bytes.size() % 2 != 0) bytes += '\0';
    writer.tag(0xFFFEE000);
    writer.u32(static_cast<std::uint32_t>(bytes.size()));
    writer.bytes(bytes);
  }
  writer.tag(0xFFFEE0DD);
  writer.u32(0);
}

}  // namespace

std::string decimals(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) {
    char number[32];
    std::snprintf(number, sizeof number, "%.10g", value);
    if (!text.empty()) text += '\\';
    text += number;
  }
  return text;
}

std::vector<std::byte> dicom_bytes(const DicomDataset& dataset, const std::string& transfer_syntax,
                                   const std::vector<std::vector<std::byte>>& fragments) {
  Writer meta({});
  DicomDataset elements;
  elements.text(0x00020010, "UI", transfer_syntax);
  meta.dataset(elements);
  Writer file({});
  file.bytes(std::string(128, '\0') + "DICM");
  DicomElement length{"UL", "", {static_cast<std::uint16_t>(meta.out().size()), 0}, {}};
  file.element(0x00020000, length);
  file.bytes(meta.out());

  Writer body({transfer_syntax != implicit_little, transfer_syntax == explicit_big});
  if (fragments.empty()) {
    body.dataset(dataset);
  } else {
    DicomDataset header = dataset;
    header.erase(tag::pixel_data);
    body.dataset(header);
    write_fragments(body, fragments);
  }
  file.bytes(transfer_syntax == deflated_little ? deflate_raw(body.out()) : body.out());
  const auto* const begin = reinterpret_cast<const std::byte*>(file.out().data());
  return {begin, begin + file.out().size()};
}

DicomDataset ct_slice(double z_mm, std::uint16_t first) {
  DicomDataset slice;
  slice.text(tag::image_type, "CS", "ORIGINAL\\PRIMARY\\AXIAL");
  slice.text(tag::sop_class, "UI", ct_class);
  slice.text(tag::sop_instance, "UI", "1.2.3.4." + std::to_string(static_cast<int>(z_mm * 100 + 100000)));
  slice.text(tag::modality, "CS", "CT");
  slice.text(tag::patient_name, "PN", "Doe^Jane");
  slice.text(tag::patient_id, "LO", "PAT-1");
  slice.text(tag::slice_thickness, "DS", "3");
  slice.text(tag::study, "UI", "1.2.3");
  slice.text(tag::series, "UI", "1.2.3.4");
  slice.text(tag::position, "DS", decimals({-20, -30, z_mm}));
  slice.text(tag::orientation, "DS", "1\\0\\0\\0\\1\\0");
  slice.text(tag::frame_of_reference, "UI", "1.2.3.5");
  slice.number(tag::samples, 1);
  slice.text(tag::photometric, "CS", "MONOCHROME2");
  slice.number(tag::rows, 3);
  slice.number(tag::columns, 4);
  slice.text(tag::pixel_spacing, "DS", "0.5\\0.7");
  slice.number(tag::bits_allocated, 16);
  slice.number(tag::bits_stored, 12);
  slice.number(tag::high_bit, 11);
  slice.number(tag::pixel_representation, 0);
  slice.text(tag::intercept, "DS", "-1024");
  slice.text(tag::slope, "DS", "1");
  std::vector<std::uint16_t> words;
  for (std::uint16_t i = 0; i < 12; ++i) words.push_back(static_cast<std::uint16_t>(first + i));
  slice[tag::pixel_data] = {"OW", "", words, {}};
  return slice;
}

std::vector<DicomDataset> ct_slices(int count) {
  std::vector<DicomDataset> slices;
  for (int i = 0; i < count; ++i) slices.push_back(ct_slice(-10 + 2.5 * i, static_cast<std::uint16_t>(1000 + 20 * i)));
  return slices;
}

DicomDataset enhanced_ct(int frames) {
  const auto in_sequence = [](std::uint32_t sequence, const DicomDataset& item) {
    DicomDataset group;
    group.sequence(sequence, {item});
    return group;
  };
  DicomDataset file = ct_slice(0);
  file.text(tag::sop_class, "UI", enhanced_ct_class);
  for (const std::uint32_t moved : {tag::position, tag::orientation, tag::pixel_spacing, tag::intercept, tag::slope})
    file.erase(moved);
  file.text(tag::frames, "IS", std::to_string(frames));
  DicomDataset shared, orientation, measures;
  orientation.text(tag::orientation, "DS", "1\\0\\0\\0\\1\\0");
  measures.text(tag::pixel_spacing, "DS", "0.5\\0.7");
  shared.merge(in_sequence(0x00209116, orientation));
  shared.merge(in_sequence(0x00289110, measures));
  file.sequence(tag::shared_groups, {shared});
  std::vector<DicomDataset> groups;
  std::vector<std::uint16_t> words;
  for (int i = 0; i < frames; ++i) {
    DicomDataset group, position, rescale;
    position.text(tag::position, "DS", decimals({-20, -30, -10 + 2.5 * i}));
    rescale.text(tag::intercept, "DS", "-1024");
    rescale.text(tag::slope, "DS", "1");
    group.merge(in_sequence(0x00209113, position));
    group.merge(in_sequence(0x00289145, rescale));
    groups.push_back(group);
    for (int pixel = 0; pixel < 12; ++pixel) words.push_back(static_cast<std::uint16_t>(1000 + 20 * i + pixel));
  }
  file.sequence(tag::frame_groups, groups);
  file[tag::pixel_data] = {"OW", "", words, {}};
  return file;
}

}  // namespace voxd::test
