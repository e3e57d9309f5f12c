"""Orthanc with the bridge of deploy/orthanc, beside voxd. scripts/test-pacs prepares it all and runs this, in a network of its own.

The ports are Orthanc's and voxd's usual ones.
"""
import email
import io
import json
import os
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path

import numpy as np
import pydicom
import pytest

from support import ROOT, Server, wait_until

PREPARED = Path(os.environ["VOXD_PACS_DIR"])
MODEL = "spleen_on_ct"
OK = 0
DONE, FAILED = 4660, 4661  # metadata of a series, as deploy/orthanc/README.md says
WEB = "http://127.0.0.1:8042"
PATIENT = "planted"  # in every text attribute of the series
SEGMENTED_S = 300


class Orthanc:
    """A running Orthanc with the settings of deploy/orthanc but for places and times; its log goes on when it is started again."""

    def __init__(self, folder):
        self._folder = folder
        self.pending = folder / "pending"
        settings = {key: value for name in ("orthanc.json", "python.json")
                    for key, value in json.loads((ROOT / "deploy/orthanc" / name).read_text()).items()}
        settings.update(StorageDirectory=str(folder / "storage"), IndexDirectory=str(folder / "storage"),
                        PythonScript=str(PREPARED / "plugin/voxd_bridge.py"), StableAge=5,
                        OverwriteInstances=True)  # without, an image that comes again would be no change
        settings["Voxd"]["PendingFolder"] = str(self.pending)
        (folder / "orthanc.json").write_text(json.dumps(settings))
        self.start()

    def start(self):
        with open(self._folder / "orthanc.log", "a") as log:
            self._process = subprocess.Popen([shutil.which("Orthanc", path="/usr/sbin:/usr/bin"), self._folder / "orthanc.json"],
                                             stdout=log, stderr=log)
        wait_until(self._answers, "Orthanc answers")

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=60)
        assert code == 0, f"Orthanc ended with {code}\n{self.log()}"

    def kill(self):
        self._process.kill()
        self._process.wait()

    def _answers(self):
        assert self._process.poll() is None, self.log()
        try:
            return self.get("/system")
        except OSError:
            return None

    def log(self):
        return (self._folder / "orthanc.log").read_text()

    def get(self, path):
        with urllib.request.urlopen(WEB + path, timeout=60) as reply:
            text = reply.read()
        return json.loads(text) if text else []

    def store(self, files):
        result = subprocess.run(["storescu", "-xv", "-aec", "ORTHANC", "127.0.0.1", "4242", *files], capture_output=True, text=True, timeout=300)
        assert result.returncode == OK, result.stderr

    def series_id(self, uid):
        """Orthanc's own name of a series."""
        request = urllib.request.Request(f"{WEB}/tools/lookup", uid.encode())
        with urllib.request.urlopen(request, timeout=60) as reply:
            [found] = [entry["ID"] for entry in json.loads(reply.read()) if entry["Type"] == "Series"]
        return found

    def find(self, study, modality):
        """UIDs of the study's series of that modality, by QIDO-RS."""
        series = self.get(f"/dicom-web/studies/{study}/series?Modality={modality}")
        return [entry["0020000E"]["Value"][0] for entry in series]

    def fetch(self, study, series):
        """The series' only instance, by WADO-RS."""
        request = urllib.request.Request(f"{WEB}/dicom-web/studies/{study}/series/{series}",
                                         headers={"Accept": 'multipart/related; type="application/dicom"'})
        with urllib.request.urlopen(request, timeout=60) as reply:
            message = email.message_from_bytes(b"Content-Type: " + reply.headers["Content-Type"].encode() + b"\r\n\r\n" + reply.read())
        [part] = message.get_payload()
        return pydicom.dcmread(io.BytesIO(part.get_payload(decode=True)))

    def results(self, study):
        """SEG and RTSTRUCT of a study, once both are there."""
        found = {}
        for modality in ("SEG", "RTSTRUCT"):
            wait_until(lambda: self.find(study, modality), f"a {modality} appears: {self.log()[-2000:]}", SEGMENTED_S)
            [series] = self.find(study, modality)
            found[modality] = self.fetch(study, series)
        return found


def start_voxd(folder):
    folder.mkdir(exist_ok=True)
    return Server(folder, MODEL, repository=PREPARED / "models", options=["--address", "127.0.0.1:8001"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pacs")


@pytest.fixture(scope="module")
def voxd(folder):
    servers = [start_voxd(folder / "voxd")]
    yield servers  # the last one is the one that runs
    servers[-1].stop()


@pytest.fixture(scope="module")
def orthanc(folder, voxd):
    running = Orthanc(folder)
    try:
        yield running
        running.stop()
    finally:
        running.kill()


def files_of(name):
    """Files and headers of a prepared series, by position."""
    read = [(file, pydicom.dcmread(file, stop_before_pixels=True)) for file in (PREPARED / name).iterdir()]
    return sorted(read, key=lambda each: float(each[1].ImagePositionPatient[2]))


def store(orthanc, files):
    """Stores them; the study's UID and the series'."""
    orthanc.store([file for file, _ in files])
    return files[0][1].StudyInstanceUID, files[0][1].SeriesInstanceUID


@pytest.fixture(scope="module")
def segmented(orthanc):
    """The first series, stored and segmented: study and series UID, and what came of it."""
    study, series = store(orthanc, files_of("series"))
    return study, series, orthanc.results(study)


@pytest.fixture(scope="module")
def expected(voxd, folder, segmented):
    """What voxctl gives for the same files."""
    result = voxd[-1].voxctl("segment", PREPARED / "series", "--model", MODEL, "--seg", folder / "seg.dcm", "--rtstruct", folder / "rtstruct.dcm")
    assert result.returncode == OK, result.stderr
    return {"SEG": pydicom.dcmread(folder / "seg.dcm"), "RTSTRUCT": pydicom.dcmread(folder / "rtstruct.dcm")}


def frames_of(seg):
    """Per frame its segment, the image it lies on and where that is."""
    return [(int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber),
             frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID,
             [float(v) for v in frame.PlanePositionSequence[0].ImagePositionPatient])
            for frame in seg.PerFrameFunctionalGroupsSequence]


def contours_of(structures):
    return [(str(contour.ContourImageSequence[0].ReferencedSOPInstanceUID), [float(v) for v in contour.ContourData])
            for roi in structures.ROIContourSequence for contour in roi.ContourSequence]


def test_the_segmentation_in_the_pacs_has_voxctls_voxels(segmented, expected):
    found, wanted = segmented[2]["SEG"], expected["SEG"]
    assert np.count_nonzero(wanted.pixel_array) > 0
    assert np.array_equal(found.pixel_array, wanted.pixel_array)
    assert frames_of(found) == frames_of(wanted)
    assert [segment.SegmentLabel for segment in found.SegmentSequence] == [segment.SegmentLabel for segment in wanted.SegmentSequence]
    assert found.PatientName == "Planted^Name" and found.PatientID == "PLANTED-ID"
    assert found.ReferencedSeriesSequence[0].SeriesInstanceUID == segmented[1]


def test_the_structure_set_in_the_pacs_has_voxctls_contours(segmented, expected):
    found, wanted = segmented[2]["RTSTRUCT"], expected["RTSTRUCT"]
    assert contours_of(wanted)
    assert contours_of(found) == contours_of(wanted)


def test_a_series_that_is_stored_again_is_not_segmented_again(orthanc, segmented):
    study, series, _ = segmented
    name = orthanc.series_id(series)
    assert f"voxd: series {name}: segmented before" not in orthanc.log()
    store(orthanc, files_of("series"))
    wait_until(lambda: f"voxd: series {name}: segmented before" in orthanc.log(), "the bridge has looked at the series again")
    assert len(orthanc.find(study, "SEG")) == len(orthanc.find(study, "RTSTRUCT")) == 1
    assert str(DONE) in map(str, orthanc.get(f"/series/{name}/metadata?numeric"))
    assert list(orthanc.pending.iterdir()) == []


def test_a_series_that_voxd_refuses_has_a_note_with_the_reason(orthanc):
    files = files_of("refused_series")
    study, series = store(orthanc, files[:10] + files[11:])
    name = orthanc.series_id(series)
    wait_until(lambda: f"voxd: series {name}: not segmented: INVALID_ARGUMENT" in orthanc.log(), "the bridge has given the series up", SEGMENTED_S)
    with urllib.request.urlopen(f"{WEB}/series/{name}/metadata/{FAILED}", timeout=60) as reply:
        assert "1 slice is missing" in reply.read().decode()
    assert orthanc.find(study, "SEG") == []
    assert list(orthanc.pending.iterdir()) == []


def test_what_waits_for_voxd_is_segmented_after_both_were_stopped(orthanc, voxd, folder):
    voxd[-1].stop()
    study, series = store(orthanc, files_of("later_series"))
    name = orthanc.series_id(series)
    [waiting] = wait_until(lambda: list(orthanc.pending.iterdir()), "the series is pending")
    assert waiting.name.startswith(name)
    orthanc.stop()
    assert waiting.exists() and f"series {name}" not in orthanc.log()
    voxd.append(start_voxd(folder / "voxd-again"))
    orthanc.start()
    orthanc.results(study)
    wait_until(lambda: f"voxd: series {name}: {MODEL} 1: seg rtstruct" in orthanc.log(), "the bridge is done with the series")
    assert not waiting.exists()
    assert len(orthanc.find(study, "SEG")) == len(orthanc.find(study, "RTSTRUCT")) == 1


def test_nothing_of_the_patient_is_in_a_log(orthanc, voxd):
    logs = {"Orthanc's": orthanc.log(), **{f"voxd's, run {i}": server.log() for i, server in enumerate(voxd)}}
    bridge = [line for line in logs["Orthanc's"].splitlines() if "voxd: series" in line]
    assert len(bridge) >= 4, bridge  # segmented, segmented before, refused, segmented after a restart; and of the results that they are none of its
    uids = [str(header[name].value) for series in ("series", "later_series", "refused_series") for _, header in files_of(series)
            for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    for whose, log in logs.items():
        assert PATIENT not in log.lower(), whose
        assert not [uid for uid in uids if uid in log], whose
