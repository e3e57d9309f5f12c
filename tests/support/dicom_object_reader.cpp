#include "tests/support/dicom_object_reader.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dctk.h>

#include <map>
#include <memory>
#include <stdexcept>

namespace voxd::test {
namespace {

std::unique_ptr<DcmFileFormat> parse(const std::vector<std::byte>& bytes) {
  auto file = std::make_unique<DcmFileFormat>();
  DcmInputBufferStream stream;
  stream.setBuffer(bytes.data(), static_cast<offile_off_t>(bytes.size()));
  stream.setEos();
  file->transferInit();
  if (file->read(stream).bad()) throw std::runtime_error("not DICOM");
  file->transferEnd();
  return file;
}

DcmItem& item(DcmItem& parent, const DcmTagKey& sequence, long index = 0) {
  DcmItem* found = nullptr;
  if (parent.findAndGetSequenceItem(sequence, found, index).bad()) throw std::runtime_error("a sequence is not there");
  return *found;
}

long count(DcmItem& parent, const DcmTagKey& sequence) {
  DcmSequenceOfItems* found = nullptr;
  return parent.findAndGetSequence(sequence, found).good() ? static_cast<long>(found->card()) : 0;
}

double number(DcmItem& parent, const DcmTagKey& tag, unsigned long index = 0) {
  Float64 value = 0;
  if (parent.findAndGetFloat64(tag, value, index).bad()) throw std::runtime_error("a number is not there");
  return value;
}

std::string text(DcmItem& parent, const DcmTagKey& tag) {
  OFString value;
  parent.findAndGetOFStringArray(tag, value);
  return {value.data(), value.size()};
}

std::size_t integer(DcmItem& parent, const DcmTagKey& tag) {
  return static_cast<std::size_t>(std::stoul(text(parent, tag)));
}

}  // namespace

Vec3 SegFrame::place(double column, double row) const {
  Vec3 mm = position;
  for (std::size_t axis = 0; axis < 3; ++axis)
    mm[axis] += orientation[axis] * spacing_mm[1] * column + orientation[3 + axis] * spacing_mm[0] * row;
  return mm;
}

std::vector<SegFrame> read_seg(const std::vector<std::byte>& bytes) {
  const auto file = parse(bytes);
  DcmDataset& dataset = *file->getDataset();
  DcmItem& shared = item(dataset, DCM_SharedFunctionalGroupsSequence);
  DcmItem& measures = item(shared, DCM_PixelMeasuresSequence);
  DcmItem& plane = item(shared, DCM_PlaneOrientationSequence);
  const Uint8* packed = nullptr;
  unsigned long packed_bytes = 0;
  dataset.findAndGetUint8Array(DCM_PixelData, packed, &packed_bytes);
  std::vector<SegFrame> frames(static_cast<std::size_t>(count(dataset, DCM_PerFrameFunctionalGroupsSequence)));
  std::size_t bit = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    SegFrame& frame = frames[i];
    DcmItem& group = item(dataset, DCM_PerFrameFunctionalGroupsSequence, static_cast<long>(i));
    const std::size_t segment = integer(item(group, DCM_SegmentIdentificationSequence), DCM_ReferencedSegmentNumber);
    DcmItem& described = item(dataset, DCM_SegmentSequence, static_cast<long>(segment - 1));
    frame.segment = text(described, DCM_SegmentLabel);
    frame.type_code = text(item(described, DCM_SegmentedPropertyTypeCodeSequence), DCM_CodeValue);
    DcmItem& source = item(item(group, DCM_DerivationImageSequence), DCM_SourceImageSequence);
    if (text(source, DCM_SpatialLocationsPreserved) != "YES") throw std::runtime_error("places are not kept");
    frame.source_instance = text(source, DCM_ReferencedSOPInstanceUID);
    if (source.tagExists(DCM_ReferencedFrameNumber))
      frame.source_frame = static_cast<int>(integer(source, DCM_ReferencedFrameNumber));
    for (unsigned long axis = 0; axis < 3; ++axis)
      frame.position[axis] = number(item(group, DCM_PlanePositionSequence), DCM_ImagePositionPatient, axis);
    for (unsigned long axis = 0; axis < 6; ++axis)
      frame.orientation[axis] = number(plane, DCM_ImageOrientationPatient, axis);
    for (unsigned long axis = 0; axis < 2; ++axis) frame.spacing_mm[axis] = number(measures, DCM_PixelSpacing, axis);
    frame.between_slices_mm = number(measures, DCM_SpacingBetweenSlices);
    frame.rows = static_cast<int>(integer(dataset, DCM_Rows));
    frame.columns = static_cast<int>(integer(dataset, DCM_Columns));
    for (int pixel = 0; pixel < frame.rows * frame.columns; ++pixel, ++bit) {
      if (bit / 8 >= packed_bytes) throw std::runtime_error("pixel data is too short");
      frame.voxels.push_back((packed[bit / 8] >> bit % 8 & 1) != 0);
    }
  }
  return frames;
}

std::vector<ReadContour> read_rtstruct(const std::vector<std::byte>& bytes) {
  const auto file = parse(bytes);
  DcmDataset& dataset = *file->getDataset();
  std::map<std::string, std::string> names;
  for (long i = 0; i < count(dataset, DCM_StructureSetROISequence); ++i) {
    DcmItem& region = item(dataset, DCM_StructureSetROISequence, i);
    names[text(region, DCM_ROINumber)] = text(region, DCM_ROIName);
  }
  std::vector<ReadContour> contours;
  for (long i = 0; i < count(dataset, DCM_ROIContourSequence); ++i) {
    DcmItem& region = item(dataset, DCM_ROIContourSequence, i);
    for (long k = 0; k < count(region, DCM_ContourSequence); ++k) {
      DcmItem& contour = item(region, DCM_ContourSequence, k);
      if (text(contour, DCM_ContourGeometricType) != "CLOSED_PLANAR") throw std::runtime_error("not closed");
      ReadContour read{names.at(text(region, DCM_ReferencedROINumber)),
                       text(item(contour, DCM_ContourImageSequence), DCM_ReferencedSOPInstanceUID),
                       {}};
      for (unsigned long point = 0; point < integer(contour, DCM_NumberOfContourPoints); ++point)
        read.points_mm.push_back({number(contour, DCM_ContourData, 3 * point),
                                  number(contour, DCM_ContourData, 3 * point + 1),
                                  number(contour, DCM_ContourData, 3 * point + 2)});
      contours.push_back(read);
    }
  }
  return contours;
}

std::string attribute(const std::vector<std::byte>& file, unsigned group, unsigned element) {
  return text(*parse(file)->getDataset(), DcmTagKey(static_cast<Uint16>(group), static_cast<Uint16>(element)));
}

}  // namespace voxd::test
