#include "server/encode/dicom_seg.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmfg/fgderimg.h>
#include <dcmtk/dcmfg/fgfracon.h>
#include <dcmtk/dcmfg/fgpixmsr.h>
#include <dcmtk/dcmfg/fgplanor.h>
#include <dcmtk/dcmfg/fgplanpo.h>
#include <dcmtk/dcmseg/segdoc.h>
#include <dcmtk/dcmseg/segment.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "gpu_transforms/volume/checked.h"
#include "server/encode/anatomy_codes.h"
#include "server/encode/dicom_file_writer.h"

namespace voxd {
namespace {

void check(const OFCondition& result, const char* what) {
  if (result.bad()) fail(Code::failed_precondition, "DICOM segmentation: ", what, " cannot be written");
}

OFString text(std::string_view value) { return {value.data(), value.size()}; }

CodeSequenceMacro code(const AnatomyCode& anatomy) { return {text(anatomy.value), "SCT", text(anatomy.meaning)}; }

/// Bits from the lowest of a byte to the highest, frame after frame without a gap, as PS3.5 8.1.1 has them.
class BitWriter {
 public:
  explicit BitWriter(std::size_t bits) : bytes_((bits + 15) / 16 * 2) {}
  void add(bool bit) {
    bytes_[at_ / 8] = static_cast<Uint8>(bytes_[at_ / 8] | bit << at_ % 8);
    ++at_;
  }
  std::vector<Uint8> take() { return std::move(bytes_); }

 private:
  std::vector<Uint8> bytes_;
  std::size_t at_ = 0;
};

/// The voxels of one label on one image.
struct SegFrame {
  std::size_t slice;
  std::uint16_t label;
};

/// Which labels are on which images, by rising label, then in the order of the stack.
std::vector<SegFrame> frames_of(const std::vector<std::uint16_t>& planes, std::size_t slices) {
  std::vector<SegFrame> frames;
  const std::size_t plane = planes.size() / slices;
  std::vector<bool> seen(65536);
  for (std::size_t slice = 0; slice < slices; ++slice) {
    std::fill(seen.begin(), seen.end(), false);
    const std::uint16_t* const begin = planes.data() + slice * plane;
    std::uint16_t last = 0;
    for (std::size_t i = 0; i < plane; ++i) {
      if (begin[i] == last) continue;
      last = begin[i];
      if (last == 0 || seen[last]) continue;
      seen[last] = true;
      frames.push_back({slice, last});
    }
  }
  std::stable_sort(frames.begin(), frames.end(),
                   [](const SegFrame& a, const SegFrame& b) { return a.label < b.label; });
  return frames;
}

class SegWriter {
 public:
  SegWriter(const HostVolume& label_map, const DicomSubject& subject)
      : subject_(subject),
        series_(subject.source.series),
        planes_(label_planes(label_map, subject.source)),
        frames_(frames_of(planes_, series_.slices.size())) {}

  std::vector<std::byte> write() {
    if (frames_.empty()) return {};
    const Int3& size = series_.geometry.size;
    if (checked_product({size[0], size[1], static_cast<std::int64_t>(frames_.size())}, "DICOM segmentation") / 8 >=
        std::int64_t{0xFFFFFFF0})
      fail(Code::failed_precondition, "DICOM segmentation: ", frames_.size(), " frames are more than 4 GiB");
    create();
    add_shared();
    add_segments();
    add_frames();
    add_references();
    return finish();
  }

 private:
  const DicomInstance& instance_of(std::size_t slice) const {
    return subject_.source.instances[series_.slices[slice].instance];
  }
  const DicomFrame& frame_of(std::size_t slice) const {
    return instance_of(slice).frames[static_cast<std::size_t>(series_.slices[slice].frame)];
  }

  void create() {
    const IODGeneralEquipmentModule::EquipmentInfo equipment("voxd", text(subject_.model.substr(0, 64)), "0",
                                                             text(subject_.voxd_version));
    ContentIdentificationMacro content("1", "SEGMENTATION", text(("labels of " + subject_.model).substr(0, 64)),
                                       "voxd");
    DcmSegmentation* created = nullptr;
    const auto [columns, rows, depth] = series_.geometry.size;
    check(DcmSegmentation::createBinarySegmentation(created, static_cast<Uint16>(rows), static_cast<Uint16>(columns),
                                                    equipment, content),
          "it");
    seg_.reset(created);
    const auto source = parse_dicom(subject_.header);
    check(seg_->importFromSourceImage(*source->getDataset()), "what the images say of patient and study");
    seg_->getSOPCommon().setSOPInstanceUID(text(new_uid()));
    seg_->getSeries().setSeriesInstanceUID(text(new_uid()));
    seg_->getSeries().setSeriesNumber("9001");
    seg_->getSeries().setSeriesDescription(text(("Segmentation by " + subject_.model).substr(0, 64)));
    const OFString organization = text(new_uid());
    IODMultiframeDimensionModule& dimensions = seg_->getDimensions();
    dimensions.addDimensionIndex(DCM_ReferencedSegmentNumber, organization, DCM_SegmentIdentificationSequence,
                                 "ReferencedSegmentNumber");
    dimensions.addDimensionIndex(DCM_ImagePositionPatient, organization, DCM_PlanePositionSequence,
                                 "ImagePositionPatient");
  }

  void add_shared() {
    const DicomFrame& frame = frame_of(0);
    const auto& o = *frame.orientation;
    const auto decimal = [](double value) { return text(decimal_string(value)); };
    const std::unique_ptr<FGBase> orientation(FGPlaneOrientationPatient::createMinimal(
        decimal(o[0]), decimal(o[1]), decimal(o[2]), decimal(o[3]), decimal(o[4]), decimal(o[5])));
    check(seg_->addForAllFrames(*orientation), "the orientation");
    FGPixelMeasures measures;
    measures.setPixelSpacing(
        text(decimal_string((*frame.spacing_mm)[0]) + "\\" + decimal_string((*frame.spacing_mm)[1])));
    const OFString distance = decimal(slice_distance_mm(series_.geometry));
    measures.setSliceThickness(distance);
    measures.setSpacingBetweenSlices(distance);
    check(seg_->addForAllFrames(measures), "the spacing");
  }

  void add_segments() {
    Uint16 number = 0;
    for (const SegFrame& frame : frames_) {
      if (!labels_.empty() && labels_.back() == frame.label) continue;
      labels_.push_back(frame.label);
      const std::string name = label_text(subject_.names, frame.label);
      const SegmentCodes codes = codes_of(name);
      DcmSegment* segment = nullptr;
      check(DcmSegment::create(segment, text(name), code(codes.category), code(codes.type), DcmSegTypes::SAT_AUTOMATIC,
                               text(subject_.model.substr(0, 64))),
            "a segment");
      if (!codes.side.value.empty())
        segment->getSegmentedPropertyTypeModifierCode().push_back(new CodeSequenceMacro(code(codes.side)));
      segment->setSegmentDescription(text("label " + std::to_string(frame.label) + " of the model's label map"));
      check(seg_->addSegment(segment, number), "a segment");
    }
  }

  void add_frames() {
    const auto plane = planes_.size() / series_.slices.size();
    std::vector<Uint8> none(plane);
    BitWriter bits(plane * frames_.size());
    std::size_t segment = 0;
    for (const SegFrame& frame : frames_) {
      while (labels_[segment] != frame.label) ++segment;
      const std::uint16_t* const labels = planes_.data() + frame.slice * plane;
      for (std::size_t i = 0; i < plane; ++i) bits.add(labels[i] == frame.label);
      add_frame(none, static_cast<Uint16>(segment + 1), frame.slice);
    }
    packed_ = bits.take();
  }

  void add_frame(std::vector<Uint8>& voxels, Uint16 segment, std::size_t slice) {
    const Vec3& p = *frame_of(slice).position;
    const std::unique_ptr<FGBase> position(FGPlanePosPatient::createMinimal(
        text(decimal_string(p[0])), text(decimal_string(p[1])), text(decimal_string(p[2]))));
    FGFrameContent content;
    content.setDimensionIndexValues(segment, 0);
    content.setDimensionIndexValues(static_cast<Uint32>(slice + 1), 1);
    OFVector<ImageSOPInstanceReferenceMacro> images(1);
    images[0].setReferencedSOPClassUID(text(instance_of(slice).class_uid));
    images[0].setReferencedSOPInstanceUID(text(instance_of(slice).instance_uid));
    if (instance_of(slice).pixels.frames > 1)
      images[0].addReferencedFrameNumber(static_cast<Uint16>(series_.slices[slice].frame + 1));
    const std::unique_ptr<FGBase> derivation(FGDerivationImage::createMinimal(
        images, "Segmentation", CodeSequenceMacro("113076", "DCM", "Segmentation"),
        CodeSequenceMacro("121322", "DCM", "Source image for image processing operation")));
    OFVector<FGBase*> groups;
    groups.push_back(position.get());
    groups.push_back(&content);
    groups.push_back(derivation.get());
    check(seg_->addFrame(voxels.data(), segment, groups), "a frame");
  }

  void add_references() {
    auto* const item = new IODSeriesAndInstanceReferenceMacro::ReferencedSeriesItem();
    seg_->getCommonInstanceReference().getReferencedSeriesItems().push_back(item);
    check(item->setSeriesInstanceUID(text(instance_of(0).series_uid)), "the source series");
    std::vector<std::size_t> named;
    for (const DicomSlice& slice : series_.slices) {
      if (std::find(named.rbegin(), named.rend(), slice.instance) != named.rend()) continue;
      named.push_back(slice.instance);
      const DicomInstance& instance = subject_.source.instances[slice.instance];
      check(item->addReference(text(instance.class_uid), text(instance.instance_uid)), "a source image");
    }
  }

  std::vector<std::byte> finish() {
    DcmFileFormat file;
    // The groups are ours and alike; checking them takes longer than all else.
    seg_->setCheckFGOnWrite(OFFalse);
    seg_->setCheckDimensionsOnWrite(OFFalse);
    check(seg_->writeDataset(*file.getDataset()), "it");
    // DCMTK 3.6.7 loses bits between frames whose size is no multiple of 8: it gets empty ones, and these take their
    // place.
    check(file.getDataset()->putAndInsertUint8Array(DCM_PixelData, packed_.data(), packed_.size()), "its voxels");
    mark_places_as_kept(*file.getDataset());
    return write_dicom(file, EXS_LittleEndianExplicit);
  }

  /// DCMTK has no word for it: each voxel lies where the image's pixel lies.
  static void mark_places_as_kept(DcmDataset& dataset) {
    DcmSequenceOfItems* groups = nullptr;
    check(dataset.findAndGetSequence(DCM_PerFrameFunctionalGroupsSequence, groups), "the frames");
    for (DcmObject* group = groups->nextInContainer(nullptr); group != nullptr;
         group = groups->nextInContainer(group)) {
      DcmItem* derivation = nullptr;
      DcmItem* image = nullptr;
      check(static_cast<DcmItem*>(group)->findAndGetSequenceItem(DCM_DerivationImageSequence, derivation), "an image");
      check(derivation->findAndGetSequenceItem(DCM_SourceImageSequence, image), "an image");
      check(image->putAndInsertString(DCM_SpatialLocationsPreserved, "YES"), "an image");
    }
  }

  const DicomSubject& subject_;
  const DicomSeries& series_;
  const std::vector<std::uint16_t> planes_;
  const std::vector<SegFrame> frames_;
  std::vector<std::uint16_t> labels_;  // of segment i + 1
  std::vector<Uint8> packed_;          // the frames' voxels
  std::unique_ptr<DcmSegmentation> seg_;
};

}  // namespace

std::vector<std::byte> encode_dicom_seg(const HostVolume& label_map, const DicomSubject& subject) {
  if (const std::string reason = why_no_reference(subject.source); !reason.empty())
    fail(Code::failed_precondition, "DICOM segmentation: ", reason);
  return SegWriter(label_map, subject).write();
}

}  // namespace voxd
