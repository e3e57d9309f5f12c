# venv: dicom
"""Every file that pydicom and its data packages bring along: what voxd reads of it, pydicom reads as well, number by number."""
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest

from support import BIN, CT_SERIES

# Read by both, but JPEG leaves the last bit to the decoder.
LOSSY = {"JPGExtended.dcm"}
# Read here, and refused by pydicom's decoders: the last byte of the stream is missing.
OURS_ALONE = {"JPEG-lossy.dcm"}
# What voxd does not read, by what it says.
NO_VOLUME = ("a colour image", "a palette image", "BitsAllocated: 1,")
# DCMTK does not parse it; it is a colour image.
DAMAGED = {"SC_rgb_jpeg.dcm"}


def sample_files():
    packages = [CT_SERIES, Path(pydicom.__file__).parent / "data/test_files", Path(pydicom.__file__).parents[1] / "data_store/data"]
    for folder in packages:
        assert folder.is_dir(), folder
    files = [file for folder in packages for file in folder.rglob("*") if file.is_file()]
    return sorted(file for file in files if file.suffix not in (".py", ".pyc", ".txt", ".json", ".icc", ".gz", ".md"))


def theirs(file):
    """The numbers, or None where pydicom does not read them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(file, force=True).pixel_array
    except Exception:
        return None


def probe(files, folder):
    """(numbers or None, what voxd says) of each file."""
    result = subprocess.run([BIN / "dicom_probe", folder, *files], capture_output=True, text=True, timeout=300, check=True)
    lines = result.stdout.splitlines()
    assert len(lines) == len(files)
    return [(np.fromfile(folder / str(i), np.int64) if line.startswith("read ") else None, line) for i, line in enumerate(lines)]


def compare(file, ours, said):
    expected = theirs(file)
    if ours is None and expected is not None:
        assert file.name in DAMAGED or any(reason in said for reason in NO_VOLUME), f"{file.name}: {said}"
        return "refused"
    if ours is None:
        assert said.startswith("refused ") and len(said) > len("refused ") + 10, f"{file.name}: {said}"
        return "refused by both"
    if expected is None:
        assert file.name in OURS_ALONE, f"{file.name}: {said}, pydicom refuses it"
        return "ours alone"
    assert ours.size == expected.size, f"{file.name}: {said}, pydicom {expected.shape}"
    most = int(np.abs(ours - expected.astype(np.int64).ravel()).max())
    assert most <= (1 if file.name in LOSSY else 0), f"{file.name}: off by up to {most}"
    return "equal"


def test_every_sample_has_pydicoms_numbers_or_a_reason(tmp_path):
    files = sample_files()
    verdicts = [compare(file, *result) for file, result in zip(files, probe(files, tmp_path))]
    counts = {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}
    print(counts)
    assert counts["equal"] >= 100, counts


@pytest.mark.parametrize("name", ["J2K_pixelrep_mismatch.dcm", "emri_small_jpeg_ls_lossless.dcm", "eCT_Supplemental.dcm"])
def test_samples_that_are_easy_to_read_wrongly(tmp_path, name):
    [file] = [file for file in sample_files() if file.name == name]
    [(ours, said)] = probe([file], tmp_path)
    assert compare(file, ours, said) == "equal"
