#include "server/decode/dicom_file.h"

#include <dcmtk/dcmdata/dcostrmb.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "gpu_transforms/volume/checked.h"
#include "server/decode/dicom_classes.h"
#include "server/decode/dicom_codecs.h"
#include "server/decode/dicom_dataset.h"
#include "server/decode/dicom_numbers.h"
#include "server/decode/dicom_syntax.h"

namespace voxd {
namespace {

std::int64_t integer_of(DcmItem& item, const DcmTagKey& tag, const char* name, std::int64_t absent) {
  const std::string text = text_of(item, tag);
  if (text.empty()) return absent;
  const double value = parse_decimals<1>(text, name)[0];
  if (value != std::floor(value) || std::abs(value) > 4294967295.0)
    fail(Code::invalid_argument, name, ": not an integer of 32 bits");
  return static_cast<std::int64_t>(value);
}

std::int64_t integer_between(DcmItem& item, const DcmTagKey& tag, const char* name, std::int64_t absent,
                             std::int64_t least, std::int64_t most) {
  const std::int64_t value = integer_of(item, tag, name, absent);
  if (value < least || value > most) fail(Code::invalid_argument, name, ": ", value, ", from ", least, " to ", most);
  return value;
}

/// A number of the stored kind: files whose data element has the other sign's VR are common.
std::optional<std::int64_t> stored_number(DcmItem& item, const DcmTagKey& tag, const char* name,
                                          const DicomPixels& pixels) {
  if (text_of(item, tag).empty()) return std::nullopt;
  const std::int64_t value = integer_of(item, tag, name, 0);
  if (pixels.bits_allocated != 16) return value;
  return pixels.is_signed ? std::int64_t{static_cast<std::int16_t>(value)}
                          : std::int64_t{static_cast<std::uint16_t>(value)};
}

/// One value of a multi-valued text is exactly `word`.
bool has_value(std::string_view text, std::string_view word) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\\', begin), text.size());
    if (text.substr(begin, end - begin) == word) return true;
    begin = end + 1;
  }
  return false;
}

template <std::size_t n>
void read_into(DcmItem* item, const DcmTagKey& tag, const char* name, std::optional<std::array<double, n>>& to) {
  if (item == nullptr) return;
  if (const std::string text = text_of(*item, tag); !text.empty()) to = parse_decimals<n>(text, name);
}

/// RescaleSlope and RescaleIntercept, in a classic file's data set or an enhanced one's functional group.
void read_rescale(DcmItem* item, bool is_ct, DicomFrame& frame) {
  if (item == nullptr) return;
  if (const std::string slope = text_of(*item, DCM_RescaleSlope); !slope.empty())
    frame.slope = parse_decimals<1>(slope, "RescaleSlope")[0];
  if (const std::string intercept = text_of(*item, DCM_RescaleIntercept); !intercept.empty())
    frame.intercept = parse_decimals<1>(intercept, "RescaleIntercept")[0];
  if (frame.slope == 0) fail(Code::invalid_argument, "RescaleSlope: 0, all values would be equal");
  const std::string type = text_of(*item, DCM_RescaleType);
  if (is_ct && !type.empty() && type != "HU")
    fail(Code::invalid_argument, "RescaleType: not HU, the values of this CT image are no Hounsfield units");
}

void read_functional_groups(DcmItem* groups, bool is_ct, DicomFrame& frame) {
  if (groups == nullptr) return;
  read_into(first_item(*groups, DCM_PlanePositionSequence), DCM_ImagePositionPatient, "ImagePositionPatient",
            frame.position);
  read_into(first_item(*groups, DCM_PlaneOrientationSequence), DCM_ImageOrientationPatient, "ImageOrientationPatient",
            frame.orientation);
  read_into(first_item(*groups, DCM_PixelMeasuresSequence), DCM_PixelSpacing, "PixelSpacing", frame.spacing_mm);
  read_rescale(first_item(*groups, DCM_PixelValueTransformationSequence), is_ct, frame);
}

DicomFrame classic_frame(DcmItem& dataset, bool is_ct) {
  DicomFrame frame;
  read_into(&dataset, DCM_ImagePositionPatient, "ImagePositionPatient", frame.position);
  read_into(&dataset, DCM_ImageOrientationPatient, "ImageOrientationPatient", frame.orientation);
  read_into(&dataset, DCM_PixelSpacing, "PixelSpacing", frame.spacing_mm);
  read_rescale(&dataset, is_ct, frame);
  return frame;
}

/// What all frames share, overridden by what each has of its own.
std::vector<DicomFrame> enhanced_frames(DcmItem& dataset, std::int32_t count, bool is_ct) {
  DicomFrame shared;
  read_functional_groups(first_item(dataset, DCM_SharedFunctionalGroupsSequence), is_ct, shared);
  std::vector<DicomFrame> frames(static_cast<std::size_t>(count), shared);
  DcmSequenceOfItems* per_frame = nullptr;
  if (dataset.findAndGetSequence(DCM_PerFrameFunctionalGroupsSequence, per_frame).bad()) return frames;
  if (per_frame->card() != static_cast<unsigned long>(count))
    fail(Code::invalid_argument, "PerFrameFunctionalGroupsSequence: ", per_frame->card(), " items for ", count,
         " frames");
  DcmObject* item = nullptr;
  for (DicomFrame& frame : frames) {
    item = per_frame->nextInContainer(item);
    read_functional_groups(dynamic_cast<DcmItem*>(item), is_ct, frame);
  }
  return frames;
}

DicomPixels read_pixels(DcmItem& dataset, const DecodeLimits& limits) {
  DicomPixels pixels;
  pixels.rows = static_cast<std::int32_t>(integer_between(dataset, DCM_Rows, "Rows", 0, 1, limits.max_axis_voxels));
  pixels.columns =
      static_cast<std::int32_t>(integer_between(dataset, DCM_Columns, "Columns", 0, 1, limits.max_axis_voxels));
  pixels.frames = static_cast<std::int32_t>(
      integer_between(dataset, DCM_NumberOfFrames, "NumberOfFrames", 1, 1, limits.max_axis_voxels));
  const std::int64_t samples = integer_of(dataset, DCM_SamplesPerPixel, "SamplesPerPixel", 1);
  if (samples != 1)
    fail(Code::invalid_argument, "SamplesPerPixel: ", samples, ", a volume has 1 (colour images are not read)");
  const std::int64_t allocated = integer_of(dataset, DCM_BitsAllocated, "BitsAllocated", 0);
  if (allocated != 8 && allocated != 16 && allocated != 32)
    fail(Code::invalid_argument, "BitsAllocated: ", allocated, ", read are 8, 16 and 32");
  pixels.bits_allocated = static_cast<int>(allocated);
  pixels.bits_stored =
      static_cast<int>(integer_between(dataset, DCM_BitsStored, "BitsStored", allocated, 1, allocated));
  pixels.high_bit = static_cast<int>(
      integer_between(dataset, DCM_HighBit, "HighBit", pixels.bits_stored - 1, pixels.bits_stored - 1, allocated - 1));
  pixels.is_signed = integer_between(dataset, DCM_PixelRepresentation, "PixelRepresentation", 0, 0, 1) == 1;
  pixels.padding = stored_number(dataset, DCM_PixelPaddingValue, "PixelPaddingValue", pixels);
  pixels.padding_limit = stored_number(dataset, DCM_PixelPaddingRangeLimit, "PixelPaddingRangeLimit", pixels);
  const std::int64_t bytes = checked_product({pixels.frame_bytes(), pixels.frames}, "pixel data");
  if (bytes > limits.max_bytes)
    fail(Code::invalid_argument, "pixel data: ", bytes, " bytes, at most ", limits.max_bytes);
  return pixels;
}

void check_photometric(DcmItem& dataset, DicomInstance& instance) {
  const std::string photometric = text_of(dataset, DCM_PhotometricInterpretation);
  instance.is_inverted = photometric == "MONOCHROME1";
  if (photometric.empty()) fail(Code::invalid_argument, "PhotometricInterpretation: absent, not an image");
  if (!instance.is_inverted && photometric != "MONOCHROME2")
    fail(Code::invalid_argument, "PhotometricInterpretation: ",
         photometric.starts_with("RGB") || photometric.starts_with("YBR") ? "a colour image"
         : photometric == "PALETTE COLOR"                                 ? "a palette image"
                                                                          : "neither MONOCHROME1 nor MONOCHROME2",
         ", not read");
}

void read_identity(DcmItem& dataset, DicomInstance& instance) {
  instance.study_uid = text_of(dataset, DCM_StudyInstanceUID);
  instance.series_uid = text_of(dataset, DCM_SeriesInstanceUID);
  instance.instance_uid = text_of(dataset, DCM_SOPInstanceUID);
  instance.frame_of_reference_uid = text_of(dataset, DCM_FrameOfReferenceUID);
  instance.patient_id = text_of(dataset, DCM_PatientID);
  instance.class_uid = text_of(dataset, DCM_SOPClassUID);
  instance.class_name = dcmFindNameOfUID(instance.class_uid.c_str(), "of an unknown class");
  if (instance.class_uid.empty()) instance.class_name = "of no class";
}

/// Empty where a volume can be made of the object.
std::string why_unusable(DcmItem& dataset, const DicomInstance& instance) {
  const bool is_image = is_volume_class(instance.class_uid);
  if (!instance.class_uid.empty() && !is_image && !is_capture_class(instance.class_uid))
    return "not a CT, MR or PET image";
  if (!dataset.tagExists(DCM_Rows) || !dataset.tagExists(DCM_Columns)) return "not an image";
  const bool has_place = dataset.tagExistsWithValue(DCM_ImagePositionPatient) ||
                         dataset.tagExists(DCM_SharedFunctionalGroupsSequence) ||
                         dataset.tagExists(DCM_PerFrameFunctionalGroupsSequence);
  return has_place ? "" : "no ImagePositionPatient";
}

void read_phase(DcmItem& dataset, DicomInstance& instance) {
  const DcmTagKey tags[] = {DCM_AcquisitionNumber, DCM_EchoTime, DCM_TemporalPositionIdentifier, DCM_TriggerTime,
                            DCM_DiffusionBValue};
  static_assert(std::size(tags) == dicom_phase_names.size());
  for (std::size_t i = 0; i < instance.phase.size(); ++i) instance.phase[i] = text_of(dataset, tags[i]);
}

/// A compressed frame's own precision counts; the first frame's is taken for all.
void follow_codestream(std::span<const std::byte> file, const DecodeLimits& limits, DicomInstance& instance) {
  const DicomCodec codec = codec_of(instance.transfer_syntax);
  if (codec != DicomCodec::jpeg_ls && codec != DicomCodec::jpeg2000) return;
  const auto whole = parse_dicom(file, DicomDepth::whole, limits);
  const CompressedFrame frame(*whole->getDataset(), 0, instance.pixels.frames);
  const auto header =
      codec == DicomCodec::jpeg_ls ? read_jpeg_header(frame.bytes()) : read_jpeg2000_header(frame.bytes());
  check_codestream(header, instance.pixels);
  instance.pixels.bits_stored = header->bits;
  instance.pixels.high_bit = header->bits - 1;
}

/// How the pixels are stored.
void read_storage(DcmFileFormat& parsed, std::span<const std::byte> file, const DecodeLimits& limits,
                  DicomInstance& instance) {
  check_photometric(*parsed.getDataset(), instance);
  instance.pixels = read_pixels(*parsed.getDataset(), limits);
  instance.transfer_syntax = transfer_syntax_of(parsed);
  follow_codestream(file, limits, instance);
  check_file_size(static_cast<std::int64_t>(file.size()), instance);
}

std::unique_ptr<DcmFileFormat> parse_header(std::span<const std::byte> file, const DecodeLimits& limits) {
  auto parsed = parse_dicom(file, DicomDepth::until_pixels, limits);
  if (parsed->getDataset()->card() == 0) fail(Code::invalid_argument, "dicom: no data set");
  return parsed;
}

}  // namespace

bool is_dicom(std::span<const std::byte> start) {
  return start.size() >= 132 && std::memcmp(start.data() + 128, "DICM", 4) == 0;
}

DicomInstance read_dicom_instance(std::span<const std::byte> file, const DecodeLimits& limits) {
  const auto parsed = parse_header(file, limits);
  DcmDataset& dataset = *parsed->getDataset();
  DicomInstance instance;
  read_identity(dataset, instance);
  instance.unusable = why_unusable(dataset, instance);
  if (!instance.unusable.empty()) return instance;

  const std::string image_type = text_of(dataset, DCM_ImageType);
  if (has_value(image_type, "MOSAIC"))
    fail(Code::invalid_argument, "ImageType: a mosaic, whose slices lie side by side in one image; not read");
  instance.is_localizer = has_value(image_type, "LOCALIZER");
  instance.is_ct =
      is_ct_class(instance.class_uid) || (instance.class_uid.empty() && text_of(dataset, DCM_Modality) == "CT");
  read_phase(dataset, instance);
  read_storage(*parsed, file, limits, instance);

  const bool is_enhanced =
      dataset.tagExists(DCM_SharedFunctionalGroupsSequence) || dataset.tagExists(DCM_PerFrameFunctionalGroupsSequence);
  if (is_enhanced)
    instance.frames = enhanced_frames(dataset, instance.pixels.frames, instance.is_ct);
  else if (instance.pixels.frames == 1)
    instance.frames = {classic_frame(dataset, instance.is_ct)};
  else
    fail(Code::invalid_argument, "NumberOfFrames: ", instance.pixels.frames,
         " frames without functional groups: where each lies is not said");
  return instance;
}

DicomInstance read_dicom_pixels(std::span<const std::byte> file, const DecodeLimits& limits) {
  const auto parsed = parse_header(file, limits);
  DicomInstance instance;
  read_identity(*parsed->getDataset(), instance);
  read_storage(*parsed, file, limits, instance);
  return instance;
}

std::vector<std::byte> dicom_header(std::span<const std::byte> file, const DecodeLimits& limits) {
  const auto parsed = parse_dicom(file, DicomDepth::until_pixels, limits);
  DcmDataset& dataset = *parsed->getDataset();
  std::vector<std::byte> bytes(
      static_cast<std::size_t>(dataset.calcElementLength(EXS_LittleEndianExplicit, EET_ExplicitLength)) + 4096);
  DcmOutputBufferStream stream(bytes.data(), static_cast<offile_off_t>(bytes.size()));
  dataset.transferInit();
  const OFCondition result = dataset.write(stream, EXS_LittleEndianExplicit, EET_ExplicitLength, nullptr);
  dataset.transferEnd();
  if (result.bad()) fail(Code::invalid_argument, "dicom: the file's header cannot be kept");
  void* begin = nullptr;
  offile_off_t length = 0;
  stream.flushBuffer(begin, length);
  bytes.resize(static_cast<std::size_t>(length));
  return bytes;
}

}  // namespace voxd
