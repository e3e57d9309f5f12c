# venv: dicom
"""A DICOM series through voxd and voxctl: the mask that the same volume gives as NIfTI, and a segmentation that others read."""
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
import rt_utils

from dicom_series import write_series
from support import CT_SERIES, HEAD

BRAIN = "brain_extraction"
OK, BAD_INPUT = 0, 2


@pytest.fixture(scope="module")
def server(start_module_server):
    return start_module_server(BRAIN)


@pytest.fixture(scope="module")
def head():
    image = nibabel.load(HEAD)
    return np.asarray(image.dataobj), image.affine


@pytest.fixture(scope="module")
def series(head, tmp_path_factory):
    """The head as an MR series: its folder, and its files by z."""
    folder = tmp_path_factory.mktemp("series") / "head"
    files = write_series(folder, *head)
    (folder / "README.txt").write_text("not an image")
    return folder, files


@pytest.fixture(scope="module")
def results(server, series, tmp_path_factory):
    """One run on the series: its outputs and its summary."""
    folder = tmp_path_factory.mktemp("results")
    result = server.voxctl("segment", series[0], "--model", BRAIN, "--json", "--mask", folder / "mask.nii.gz", "--seg", folder / "seg.dcm",
                           "--rtstruct", folder / "rtstruct.dcm",
                           "--report", folder / "report.json", "--preview", folder / "preview.png")
    assert result.returncode == OK, result.stderr
    assert "left out 1 files that are not DICOM" in result.stderr
    return folder, json.loads(result.stdout)


def mask_of(folder):
    image = nibabel.load(folder / "mask.nii.gz")
    return np.asarray(image.dataobj), image.affine


def test_the_mask_is_that_of_the_same_volume_as_nifti(server, head, results, tmp_path):
    result = server.voxctl("segment", HEAD, "--model", BRAIN, "--mask", tmp_path / "mask.nii.gz")
    assert result.returncode == OK, result.stderr
    expected, affine = mask_of(tmp_path)
    mask, mask_affine = mask_of(results[0])
    assert results[1]["warnings"] == []
    assert np.allclose(mask_affine, affine, atol=1e-5)
    assert np.array_equal(mask, expected)


def test_a_zip_of_the_folder_is_the_same_series(server, series, results, tmp_path):
    with zipfile.ZipFile(tmp_path / "series.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in series[0].iterdir():
            archive.write(file, f"DICOM/{file.name}")
    result = server.voxctl("segment", tmp_path / "series.zip", "--model", BRAIN, "--json", "--mask", tmp_path / "mask.nii.gz")
    assert result.returncode == OK, result.stderr
    assert json.loads(result.stdout)["warnings"] == ["left out 1 files of the archive that are not DICOM"]
    assert np.array_equal(mask_of(tmp_path)[0], mask_of(results[0])[0])


def test_highdicom_reads_the_segmentation_as_the_label_map(series, results):
    seg = highdicom.seg.segread(results[0] / "seg.dcm")
    mask, _ = mask_of(results[0])
    assert [segment.segment_label for segment in map(seg.get_segment_description, seg.segment_numbers)] == ["brain"]
    assert seg.get_segment_description(1).segmented_property_type.value == "12738006"
    sources = [pydicom.dcmread(file, stop_before_pixels=True) for file in series[1]]
    planes = seg.get_pixels_by_source_instance([source.SOPInstanceUID for source in sources], combine_segments=True,
                                               assert_missing_frames_are_empty=True)
    assert np.array_equal(planes.transpose(2, 1, 0), mask)
    assert seg.StudyInstanceUID == sources[0].StudyInstanceUID and seg.FrameOfReferenceUID == sources[0].FrameOfReferenceUID
    assert seg.PatientID == "PAT-1"
    [reference] = seg.ReferencedSeriesSequence
    assert len(reference.ReferencedInstanceSequence) == len(sources)
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert float(measures.SpacingBetweenSlices) == pytest.approx(1)


def test_dcmqi_reads_the_segmentation_as_the_label_map(results, tmp_path):
    reader = Path(sys.executable).with_name("segimage2itkimage")
    said = subprocess.run([reader, "--inputDICOM", results[0] / "seg.dcm", "--outputDirectory", tmp_path, "--outputType", "nii", "--prefix", "dcmqi"],
                          capture_output=True, text=True, timeout=120)
    assert said.returncode == 0, said.stdout + said.stderr
    meta = json.loads((tmp_path / "dcmqi-meta.json").read_text())
    assert [segment["SegmentLabel"] for group in meta["segmentAttributes"] for segment in group] == ["brain"]
    [file] = tmp_path.glob("dcmqi-*.nii.gz")
    mask, affine = mask_of(results[0])
    image = nibabel.load(file)
    found = np.argwhere(np.asarray(image.dataobj) != 0)  # on the smallest box around it
    voxels = nibabel.affines.apply_affine(np.linalg.inv(affine) @ image.affine, found)
    assert np.allclose(voxels, np.round(voxels), atol=1e-3)
    read = np.zeros_like(mask)
    read[tuple(np.round(voxels).astype(int).T)] = 1
    assert np.array_equal(read, mask)


@pytest.mark.parametrize("holes", [[], ["--keyholes"]])
def test_rt_utils_reads_the_structure_set_as_the_label_map(server, head, tmp_path, holes):
    voxels, affine = head
    # Squared, because rt_utils takes rows for columns where they differ in number.
    margin = voxels.shape[1] - voxels.shape[0]
    moved = affine.copy()
    moved[:3, 3] -= affine[:3, 0] * (margin // 2)
    square = np.pad(voxels, ((margin // 2, margin - margin // 2), (0, 0), (0, 0)))
    write_series(tmp_path / "square", square, moved)
    result = server.voxctl("segment", tmp_path / "square", "--model", BRAIN, "--mask", tmp_path / "mask.nii.gz", "--rtstruct", tmp_path / "rtstruct.dcm", *holes)
    assert result.returncode == OK, result.stderr
    structures = rt_utils.RTStructBuilder.create_from(dicom_series_path=str(tmp_path / "square"), rt_struct_path=str(tmp_path / "rtstruct.dcm"))
    assert structures.get_roi_names() == ["brain"]
    read = structures.get_roi_mask_by_name("brain")  # rows, columns, slices by rising position
    mask = mask_of(tmp_path)[0].astype(bool).transpose(1, 0, 2)
    dice = 2 * np.count_nonzero(read & mask) / (np.count_nonzero(read) + np.count_nonzero(mask))
    assert dice >= 0.995, dice


@pytest.mark.parametrize("file", ["seg.dcm", "rtstruct.dcm"])
def test_dciodvfy_finds_no_error(results, file):
    dciodvfy = shutil.which("dciodvfy")
    assert dciodvfy, "dicom3tools is not installed"
    said = subprocess.run([dciodvfy, results[0] / file], capture_output=True, text=True, timeout=120)
    errors = [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]
    assert not errors, errors


def test_a_real_ct_without_identifiers_has_a_mask_but_no_segmentation(server, tmp_path):
    result = server.voxctl("segment", CT_SERIES, "--model", BRAIN, "--json", "--mask", tmp_path / "mask.nii.gz",
                           "--seg", tmp_path / "seg.dcm", "--report", tmp_path / "report.json")
    assert result.returncode == OK, result.stderr
    summary = json.loads(result.stdout)
    assert any(warning.startswith("no DICOM segmentation: SOPClassUID is empty") for warning in summary["warnings"])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mask.nii.gz", "report.json"]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["input"]["size"] == [512, 512, 20]
    assert report["input"]["spacing_mm"] == pytest.approx([0.9765625, 0.9765625, 2.0])  # SliceThickness says 3


def test_a_series_with_a_gap_is_refused_in_one_line(server, series, tmp_path):
    folder = tmp_path / "series"
    folder.mkdir()
    for z, file in enumerate(series[1]):
        if z != 90:
            (folder / file.name).symlink_to(file)
    result = server.voxctl("segment", folder, "--model", BRAIN, "--mask", tmp_path / "mask.nii.gz")
    assert result.returncode == BAD_INPUT
    assert "1 slice is missing: 2 mm between slices 90 and 91 of 180, 1 mm elsewhere" in result.stderr
