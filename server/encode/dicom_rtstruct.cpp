#include "server/encode/dicom_rtstruct.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "server/encode/dicom_file_writer.h"
#include "server/encode/outlines.h"

namespace voxd {
namespace {

constexpr const char* study_class = "1.2.840.10008.3.1.2.3.1";  // what names a study in RT objects, retired elsewhere

void put(DcmItem& item, const DcmTag& tag, const std::string& value) {
  if (item.putAndInsertOFStringArray(tag, OFString(value.data(), value.size())).bad())
    fail(Code::failed_precondition, "DICOM structure set: ", DcmTag(tag).getTagName(), " cannot be written");
}

/// A new item at the sequence's end.
DcmItem& add_item(DcmItem& parent, const DcmTag& sequence) {
  DcmItem* item = nullptr;
  if (parent.findOrCreateSequenceItem(sequence, item, -2).bad())
    fail(Code::internal, "DICOM structure set: ", DcmTag(sequence).getTagName(), " cannot be written");
  return *item;
}

/// To a ten thousandth of a millimetre.
std::string millimetres(double value) { return decimal_string(std::round(value * 1e4) / 1e4); }

class StructureSetWriter {
 public:
  StructureSetWriter(const HostVolume& label_map, const DicomSubject& subject, Holes holes)
      : subject_(subject),
        series_(subject.source.series),
        planes_(label_planes(label_map, subject.source)),
        holes_(holes) {}

  std::vector<std::byte> write() {
    const std::vector<std::uint16_t> labels = labels_present();
    if (labels.empty()) return {};
    DcmFileFormat file;
    DcmDataset& dataset = *file.getDataset();
    copy_patient_and_study(dataset);
    describe(dataset);
    refer(dataset);
    for (std::size_t i = 0; i < labels.size(); ++i) add_region(dataset, labels[i], std::to_string(i + 1));
    return write_dicom(file, EXS_LittleEndianImplicit);
  }

 private:
  const DicomInstance& instance_of(std::size_t slice) const {
    return subject_.source.instances[series_.slices[slice].instance];
  }
  std::size_t plane_size() const { return planes_.size() / series_.slices.size(); }
  std::span<const std::uint16_t> plane(std::size_t slice) const {
    return std::span(planes_).subspan(slice * plane_size(), plane_size());
  }

  std::vector<std::uint16_t> labels_present() const {
    std::vector<bool> seen(65536);
    for (const std::uint16_t label : planes_) seen[label] = true;
    std::vector<std::uint16_t> labels;
    for (std::size_t label = 1; label < seen.size(); ++label)
      if (seen[label]) labels.push_back(static_cast<std::uint16_t>(label));
    return labels;
  }

  /// What must be there, empty or not.
  void copy_patient_and_study(DcmDataset& to) const {
    const auto from = parse_dicom(subject_.header);
    const DcmTag tags[] = {DCM_PatientName,      DCM_PatientID,      DCM_PatientBirthDate, DCM_PatientSex,
                           DCM_StudyInstanceUID, DCM_StudyDate,      DCM_StudyTime,        DCM_ReferringPhysicianName,
                           DCM_StudyID,          DCM_AccessionNumber};
    for (const DcmTag& tag : tags) {
      OFString value;
      from->getDataset()->findAndGetOFStringArray(tag, value);
      to.putAndInsertOFStringArray(tag, value);
    }
    OFString characters;
    if (from->getDataset()->findAndGetOFStringArray(DCM_SpecificCharacterSet, characters).good() && !characters.empty())
      to.putAndInsertOFStringArray(DCM_SpecificCharacterSet, characters);
  }

  void describe(DcmDataset& to) const {
    OFString date, time;
    DcmDate::getCurrentDate(date);
    DcmTime::getCurrentTime(time);
    put(to, DCM_SOPClassUID, UID_RTStructureSetStorage);
    put(to, DCM_SOPInstanceUID, new_uid());
    put(to, DCM_Modality, "RTSTRUCT");
    put(to, DCM_Manufacturer, "voxd");
    put(to, DCM_ManufacturerModelName, subject_.model.substr(0, 64));
    put(to, DCM_SoftwareVersions, subject_.voxd_version);
    put(to, DCM_SeriesInstanceUID, new_uid());
    put(to, DCM_SeriesNumber, "9002");
    put(to, DCM_SeriesDescription, ("Structures by " + subject_.model).substr(0, 64));
    put(to, DCM_OperatorsName, "");
    put(to, DCM_InstanceNumber, "1");
    put(to, DCM_FrameOfReferenceUID, instance_of(0).frame_of_reference_uid);
    put(to, DCM_PositionReferenceIndicator, "");
    put(to, DCM_StructureSetLabel, "SEGMENTATION");
    put(to, DCM_StructureSetDate, std::string(date.data(), date.size()));
    put(to, DCM_StructureSetTime, std::string(time.data(), time.size()));
    put(to, DCM_ApprovalStatus, "UNAPPROVED");
  }

  void refer_to_image(DcmItem& to, std::size_t slice) const {
    DcmItem& image = add_item(to, DCM_ContourImageSequence);
    put(image, DCM_ReferencedSOPClassUID, instance_of(slice).class_uid);
    put(image, DCM_ReferencedSOPInstanceUID, instance_of(slice).instance_uid);
    if (instance_of(slice).pixels.frames > 1)
      put(image, DCM_ReferencedFrameNumber, std::to_string(series_.slices[slice].frame + 1));
  }

  void refer(DcmDataset& to) const {
    DcmItem& frame = add_item(to, DCM_ReferencedFrameOfReferenceSequence);
    put(frame, DCM_FrameOfReferenceUID, instance_of(0).frame_of_reference_uid);
    DcmItem& study = add_item(frame, DCM_RTReferencedStudySequence);
    put(study, DCM_ReferencedSOPClassUID, study_class);
    put(study, DCM_ReferencedSOPInstanceUID, instance_of(0).study_uid);
    DcmItem& series = add_item(study, DCM_RTReferencedSeriesSequence);
    put(series, DCM_SeriesInstanceUID, instance_of(0).series_uid);
    for (std::size_t slice = 0; slice < series_.slices.size(); ++slice) refer_to_image(series, slice);
  }

  void add_region(DcmDataset& to, std::uint16_t label, const std::string& number) const {
    DcmItem& region = add_item(to, DCM_StructureSetROISequence);
    put(region, DCM_ROINumber, number);
    put(region, DCM_ReferencedFrameOfReferenceUID, instance_of(0).frame_of_reference_uid);
    put(region, DCM_ROIName, label_text(subject_.names, label));
    put(region, DCM_ROIGenerationAlgorithm, "AUTOMATIC");

    DcmItem& contours = add_item(to, DCM_ROIContourSequence);
    put(contours, DCM_ReferencedROINumber, number);
    for (std::size_t slice = 0; slice < series_.slices.size(); ++slice)
      for (const Outline& outline : outlines(slice, label)) add_contour(contours, slice, outline);

    DcmItem& observation = add_item(to, DCM_RTROIObservationsSequence);
    put(observation, DCM_ObservationNumber, number);
    put(observation, DCM_ReferencedROINumber, number);
    put(observation, DCM_RTROIInterpretedType, "");
    put(observation, DCM_ROIInterpreter, "");
  }

  std::vector<Outline> outlines(std::size_t slice, std::uint16_t label) const {
    const auto [columns, rows, depth] = series_.geometry.size;
    std::vector<Outline> traced = trace_outlines(plane(slice), columns, rows, label);
    return holes_ == Holes::keyholes ? join_holes(traced) : traced;
  }

  void add_contour(DcmItem& to, std::size_t slice, const Outline& outline) const {
    DcmItem& contour = add_item(to, DCM_ContourSequence);
    refer_to_image(contour, slice);
    put(contour, DCM_ContourGeometricType, "CLOSED_PLANAR");
    put(contour, DCM_NumberOfContourPoints, std::to_string(outline.size()));
    const DicomFrame& frame = instance_of(slice).frames[static_cast<std::size_t>(series_.slices[slice].frame)];
    const auto& o = *frame.orientation;
    const auto& spacing = *frame.spacing_mm;
    std::string data;
    for (const PixelPoint& point : outline)
      for (std::size_t axis = 0; axis < 3; ++axis) {
        const double along_row = o[axis] * spacing[1] * point[0];
        const double along_column = o[3 + axis] * spacing[0] * point[1];
        if (!data.empty()) data += '\\';
        data += millimetres((*frame.position)[axis] + along_row + along_column);
      }
    put(contour, DCM_ContourData, data);
  }

  const DicomSubject& subject_;
  const DicomSeries& series_;
  const std::vector<std::uint16_t> planes_;
  const Holes holes_;
};

}  // namespace

std::vector<std::byte> encode_dicom_rtstruct(const HostVolume& label_map, const DicomSubject& subject, Holes holes) {
  if (const std::string reason = why_no_reference(subject.source); !reason.empty())
    fail(Code::failed_precondition, "DICOM structure set: ", reason);
  return StructureSetWriter(label_map, subject, holes).write();
}

}  // namespace voxd
