#include "server/encode/dicom_object.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <random>

#include "server/decode/reverse_axes.h"

namespace voxd {
namespace {

constexpr std::size_t most_characters = 16;

template <class T>
std::vector<std::uint16_t> planes_of(const HostVolume& label_map) {
  const auto [x, y, z] = label_map.geometry.size;
  std::vector<std::uint16_t> planes(static_cast<std::size_t>(label_map.count()));
  reverse_axes(label_map.as<T>().data(), planes.data(), {z, y, x}, 0, x,
               [](const T* from, std::int64_t count, std::uint16_t* to) { std::copy_n(from, count, to); });
  return planes;
}

}  // namespace

std::string why_no_reference(const DicomSource& source) {
  for (const DicomSlice& slice : source.series.slices) {
    const DicomInstance& instance = source.instances[slice.instance];
    const std::array<std::pair<const char*, const std::string*>, 5> identifiers{
        {{"SOPClassUID", &instance.class_uid},
         {"SOPInstanceUID", &instance.instance_uid},
         {"SeriesInstanceUID", &instance.series_uid},
         {"StudyInstanceUID", &instance.study_uid},
         {"FrameOfReferenceUID", &instance.frame_of_reference_uid}}};
    for (const auto& [name, value] : identifiers) {
      if (value->empty()) return std::string(name) + " is empty in the images";
      if (value->size() > 64 || value->find_first_not_of("0123456789.") != std::string::npos)
        return std::string(name) + " is no identifier in the images";
    }
  }
  return "";
}

std::string label_text(const std::map<int, std::string>& names, int label, std::size_t most) {
  const auto found = names.find(label);
  std::string text = found == names.end() || found->second.empty() ? "label " + std::to_string(label) : found->second;
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~' || c == '\\'; }, '?');
  return text.substr(0, most);
}

std::string decimal_string(double value) {
  if (!std::isfinite(value)) fail(Code::invalid_argument, "decimal string: not a finite number");
  if (value == 0) return "0";
  std::array<char, 64> text;
  auto result = std::to_chars(text.data(), text.data() + text.size(), value);
  for (int digits = 16; result.ptr - text.data() > static_cast<std::ptrdiff_t>(most_characters); --digits)
    result = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, digits);
  return {text.data(), result.ptr};
}

std::string new_uid() {
  std::random_device random;
  // 122 random bits in four words, divided by ten until nothing is left.
  std::array<std::uint32_t, 4> words{random() >> 6, random(), random(), random()};
  std::string digits;
  while (std::any_of(words.begin(), words.end(), [](std::uint32_t word) { return word != 0; })) {
    std::uint64_t rest = 0;
    for (std::uint32_t& word : words) {
      const std::uint64_t value = rest << 32 | word;
      word = static_cast<std::uint32_t>(value / 10);
      rest = value % 10;
    }
    digits += static_cast<char>('0' + rest);
  }
  std::reverse(digits.begin(), digits.end());
  return digits.empty() ? "2.25.0" : "2.25." + digits;
}

std::vector<std::uint16_t> label_planes(const HostVolume& label_map, const DicomSource& source) {
  if (label_map.channels != 1 || !is_label_type(label_map.dtype))
    fail(Code::invalid_argument, "label map: ", label_map.channels, " channels of ", name_of(label_map.dtype),
         ", one of uint8 or uint16 expected");
  if (label_map.geometry.size != source.series.geometry.size)
    fail(Code::invalid_argument, "label map: ", to_string(label_map.geometry.size), " voxels, the series has ",
         to_string(source.series.geometry.size));
  return label_map.dtype == DType::u8 ? planes_of<std::uint8_t>(label_map) : planes_of<std::uint16_t>(label_map);
}

}  // namespace voxd
