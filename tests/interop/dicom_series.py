"""Writes a volume as the files of a DICOM series, and reads segmentations back onto its grid."""
import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

MR_CLASS, CT_CLASS = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.2"


def write_series(folder, volume, affine, slope=1, intercept=0, sop_class=MR_CLASS, **attributes):
    """One file per slice of volume[x, y, z] (numbers as stored), x along the images' rows; `affine` is RAS. Returns the files by z."""
    folder.mkdir(exist_ok=True)
    lps = np.diag([-1, -1, 1, 1]) @ affine
    steps = np.linalg.norm(lps[:3, :3], axis=0)
    common = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid(),
              "PatientName": "Doe^Jane", "PatientID": "PAT-1", "PatientBirthDate": "19600101", "PatientSex": "O", "StudyID": "1",
              "StudyDate": "20260101", "StudyTime": "120000", "AccessionNumber": "A-1", "ReferringPhysicianName": "",
              "SeriesNumber": 3, "Modality": "MR" if sop_class == MR_CLASS else "CT", "SOPClassUID": sop_class, "SamplesPerPixel": 1,
              "PhotometricInterpretation": "MONOCHROME2", "Rows": volume.shape[1], "Columns": volume.shape[0], "BitsAllocated": 16,
              "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 0, "SliceThickness": 9, "RescaleSlope": slope,
              "RescaleIntercept": intercept, "PixelSpacing": [decimal(steps[1]), decimal(steps[0])],
              "ImageOrientationPatient": [decimal(v) for v in (*(lps[:3, 0] / steps[0]), *(lps[:3, 1] / steps[1]))], **attributes}
    files = []
    for z in range(volume.shape[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        # Names in no order that means anything.
        file = folder / f"IM{(z * 7919) % 100003:06}"
        slice_ = FileDataset(file, {}, file_meta=meta, preamble=b"\0" * 128)
        for name, value in common.items():
            setattr(slice_, name, value)
        slice_.SOPInstanceUID, slice_.InstanceNumber = meta.MediaStorageSOPInstanceUID, 1
        slice_.ImagePositionPatient = [decimal(v) for v in lps[:3, :3] @ [0, 0, z] + lps[:3, 3]]
        slice_.PixelData = np.ascontiguousarray(volume[:, :, z].T.astype("<u2")).tobytes()
        slice_.save_as(file, enforce_file_format=True)
        files.append(file)
    return files


def decimal(value):
    return pydicom.valuerep.format_number_as_ds(float(value))
