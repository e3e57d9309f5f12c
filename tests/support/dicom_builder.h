#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gpu_transforms/volume/geometry.h"

namespace voxd::test {

struct DicomDataset;

/// One data element: a text or bytes, numbers of 16 bits, or the items of a sequence.
struct DicomElement {
  std::string vr;
  std::string text;
  std::vector<std::uint16_t> words;
  std::vector<DicomDataset> items;
};

/// Data elements by tag (group << 16 | element), in the order of a file.
struct DicomDataset : std::map<std::uint32_t, DicomElement> {
  void text(std::uint32_t tag, const char* vr, const std::string& value) { (*this)[tag] = {vr, value, {}, {}}; }
  void number(std::uint32_t tag, std::uint16_t value) { (*this)[tag] = {"US", "", {value}, {}}; }
  void sequence(std::uint32_t tag, std::vector<DicomDataset> items) { (*this)[tag] = {"SQ", "", {}, std::move(items)}; }
};

namespace tag {
inline constexpr std::uint32_t image_type = 0x00080008, sop_class = 0x00080016, sop_instance = 0x00080018,
                               modality = 0x00080060, patient_name = 0x00100010, patient_id = 0x00100020,
                               slice_thickness = 0x00180050, echo_time = 0x00180081, gantry_tilt = 0x00181120,
                               study = 0x0020000D, series = 0x0020000E, acquisition_number = 0x00200012,
                               instance_number = 0x00200013, position = 0x00200032, orientation = 0x00200037,
                               frame_of_reference = 0x00200052, samples = 0x00280002, photometric = 0x00280004,
                               frames = 0x00280008, rows = 0x00280010, columns = 0x00280011, pixel_spacing = 0x00280030,
                               bits_allocated = 0x00280100, bits_stored = 0x00280101, high_bit = 0x00280102,
                               pixel_representation = 0x00280103, padding = 0x00280120, intercept = 0x00281052,
                               slope = 0x00281053, rescale_type = 0x00281054, shared_groups = 0x52009229,
                               frame_groups = 0x52009230, pixel_data = 0x7FE00010;
}

inline constexpr const char* ct_class = "1.2.840.10008.5.1.4.1.1.2";
inline constexpr const char* enhanced_ct_class = "1.2.840.10008.5.1.4.1.1.2.1";
inline constexpr const char* implicit_little = "1.2.840.10008.1.2";
inline constexpr const char* explicit_little = "1.2.840.10008.1.2.1";
inline constexpr const char* deflated_little = "1.2.840.10008.1.2.1.99";
inline constexpr const char* explicit_big = "1.2.840.10008.1.2.2";

/// "1\\2.5\\-3", as a decimal string.
std::string decimals(const std::vector<double>& values);

/// A whole file: preamble, meta header, data set in that transfer syntax. With `fragments`, pixel data is those,
/// encapsulated, after an empty table of offsets.
std::vector<std::byte> dicom_bytes(const DicomDataset& dataset, const std::string& transfer_syntax = explicit_little,
                                   const std::vector<std::vector<std::byte>>& fragments = {});

/// A CT slice of 4 columns and 3 rows at z mm, axial, 0.5 mm between rows and 0.7 between columns, slope 1, intercept
/// -1024, 12 bits stored; stored number of pixel i: first + i.
DicomDataset ct_slice(double z_mm, std::uint16_t first = 1000);

/// `count` of them, 2.5 mm apart from z = -10 on.
std::vector<DicomDataset> ct_slices(int count);

/// One enhanced CT file of the same: orientation and spacing shared, positions and rescale per frame.
DicomDataset enhanced_ct(int frames);

}  // namespace voxd::test
