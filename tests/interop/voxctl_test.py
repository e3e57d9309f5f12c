# venv: tritonclient-new
"""voxctl and voxd with a real network and a real head, from file to file."""
import gzip
import json
import os
import pty
import re
import signal
import struct
import subprocess

import nibabel
import numpy as np
import pytest

from support import BIN, HEAD, body_phantom, free_port

BRAIN, SPLEEN = "brain_extraction", "spleen_seg"
# Of four calls at once; more of them when hunting for a race.
ROUNDS = int(os.environ.get("VOXD_TEST_ROUNDS", "2"))

OK, BAD_INPUT, NOT_FOUND, UNREACHABLE, CANCELLED = 0, 2, 4, 5, 130


@pytest.fixture(scope="module")
def server(start_module_server):
    return start_module_server(BRAIN, SPLEEN)


def segment(server, image, mask, *more, model=BRAIN):
    return server.voxctl("segment", image, "--model", model, "--mask", mask, *more)


def voxels(mask_file):
    """The bytes of the mask without the compression around them."""
    return gzip.decompress(mask_file.read_bytes())


@pytest.fixture(scope="module")
def reference(server, tmp_path_factory):
    """One undisturbed run on the head: its outputs and its summary."""
    folder = tmp_path_factory.mktemp("reference")
    outputs = [word for name in ("mask.nii.gz", "contour.nii.gz", "preview.png", "report.json")
               for word in (f"--{name.split('.')[0]}", folder / name)]
    result = server.voxctl("segment", HEAD, "--model", BRAIN, "--json", *outputs)
    assert result.returncode == OK, result.stderr
    return folder, json.loads(result.stdout)


class Watched:
    """A voxctl whose progress bar is read, to know how far its call is."""

    def __init__(self, server, image, mask):
        self.terminal, end = pty.openpty()
        self.process = server.start_voxctl("segment", image, "--model", BRAIN, "--mask", mask, stderr=end)
        os.close(end)
        self.seen = ""

    def wait_for(self, pattern):
        while not re.search(pattern, self.seen):
            try:
                self.seen += os.read(self.terminal, 4096).decode()
            except OSError:
                raise AssertionError(f"ended before it showed {pattern!r}: {self.seen!r}") from None

    def wait(self):
        """The exit code; reads on, so that a full terminal holds nobody up."""
        try:
            while block := os.read(self.terminal, 4096):
                self.seen += block.decode()
        except OSError:
            pass
        os.close(self.terminal)
        self.process.communicate(timeout=300)
        return self.process.returncode


def test_a_head_gives_mask_contour_preview_and_report_of_its_own_grid(reference):
    folder, summary = reference
    head, mask, contour = (nibabel.load(f) for f in (HEAD, folder / "mask.nii.gz", folder / "contour.nii.gz"))
    for image in mask, contour:
        assert image.shape == head.shape
        assert np.array_equal(image.affine, head.affine)
        assert image.get_data_dtype() == np.uint8
    mask_voxels, contour_voxels = np.asarray(mask.dataobj), np.asarray(contour.dataobj)
    assert set(np.unique(mask_voxels)) == {0, 1}
    assert 0 < np.count_nonzero(contour_voxels) < np.count_nonzero(mask_voxels)
    assert not np.any(contour_voxels[mask_voxels == 0])
    assert (folder / "preview.png").read_bytes().startswith(b"\x89PNG\r\n")

    ml = np.count_nonzero(mask_voxels) * abs(np.linalg.det(head.affine[:3, :3])) / 1000
    [label] = summary["labels"]
    assert (label["label"], label["name"]) == (1, "brain")
    assert label["ml"] == pytest.approx(ml, rel=1e-6)
    assert set(summary["stages_ms"]) == {"decode", "queue", "pre", "network", "post", "encode"}
    report = json.loads((folder / "report.json").read_text())
    assert report["labels"][0]["ml"] == pytest.approx(ml, rel=1e-6)


def test_the_brain_agrees_with_another_tools(server, reference):
    folder, _ = reference
    result = server.voxctl("dice", folder / "mask.nii.gz", HEAD.with_name("ch2bet.nii.gz"))
    assert result.returncode == OK
    assert float(re.fullmatch(r"Dice (0\.\d{4})\n", result.stdout)[1]) >= 0.93


def test_uncompressed_and_piped_images_give_the_same_mask(server, reference, tmp_path):
    plain = gzip.decompress(HEAD.read_bytes())
    (tmp_path / "head.nii").write_bytes(plain)
    result = segment(server, tmp_path / "head.nii", tmp_path / "mask.nii.gz")
    assert result.returncode == OK, result.stderr
    piped = subprocess.run([BIN / "voxctl", "segment", "-", "--model", BRAIN, "--address", server.address, "--mask", "-"],
                           input=plain, capture_output=True, timeout=300)
    assert piped.returncode == OK, piped.stderr
    expected = voxels(reference[0] / "mask.nii.gz")
    assert voxels(tmp_path / "mask.nii.gz") == expected
    assert gzip.decompress(piped.stdout) == expected


def test_four_at_once_give_identical_masks(server, reference, tmp_path):
    expected = voxels(reference[0] / "mask.nii.gz")
    for _ in range(ROUNDS):
        masks = [tmp_path / f"mask-{i}.nii.gz" for i in range(4)]
        calls = [server.start_voxctl("segment", HEAD, "--model", BRAIN, "--mask", mask) for mask in masks]
        for call in calls:
            _, err = call.communicate(timeout=300)
            assert call.returncode == OK, err
        assert all(voxels(mask) == expected for mask in masks)


def test_a_cancelled_call_frees_its_worker(server, reference, tmp_path):
    _, undisturbed = reference
    cancelled = Watched(server, HEAD, tmp_path / "never.nii.gz")
    cancelled.wait_for("network")
    cancelled.process.send_signal(signal.SIGINT)
    assert cancelled.wait() == CANCELLED
    result = segment(server, HEAD, tmp_path / "mask.nii.gz", "--json")
    assert result.returncode == OK, result.stderr
    # The one step that ran when the call was given up may end; none begins after it.
    longest_step_ms = undisturbed["stages_ms"]["network"]
    assert json.loads(result.stdout)["stages_ms"]["queue"] < 1.5 * longest_step_ms + 500
    assert voxels(tmp_path / "mask.nii.gz") == voxels(reference[0] / "mask.nii.gz")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["mask.nii.gz"]


def test_a_cancelled_call_leaves_the_queue_without_running(server, reference, tmp_path):
    running = Watched(server, HEAD, tmp_path / "running.nii.gz")
    running.wait_for("network")
    waiting = Watched(server, HEAD, tmp_path / "waiting.nii.gz")
    waiting.wait_for("queue")
    waiting.process.send_signal(signal.SIGINT)
    assert waiting.wait() == CANCELLED
    assert running.wait() == OK
    assert voxels(tmp_path / "running.nii.gz") == voxels(reference[0] / "mask.nii.gz")


def test_sigterm_under_load_loses_no_accepted_job(start_server, reference, tmp_path):
    server = start_server(BRAIN)
    masks = [tmp_path / f"mask-{i}.nii.gz" for i in range(4)]
    calls = [Watched(server, HEAD, mask) for mask in masks]
    for call in calls:
        call.wait_for("queue|decode|pre|network")
    server.terminate()
    late = [segment(server, HEAD, tmp_path / "late.nii.gz") for _ in range(2)]
    assert [call.wait() for call in calls] == [OK] * 4, server.log()
    server.stop()
    assert all(voxels(mask) == voxels(reference[0] / "mask.nii.gz") for mask in masks)
    # One that came in the instant of the signal may still have been accepted; a job is finished or refused, never lost.
    for result in late:
        assert result.returncode in (OK, UNREACHABLE), result.stderr
    assert late[-1].returncode == UNREACHABLE
    assert not list(tmp_path.glob(".*"))


def require_one_line(result, code, text=""):
    assert result.returncode == code, result.stderr
    assert result.stdout == ""
    assert re.fullmatch(r"voxctl: [^\n]+\n", result.stderr), result.stderr
    assert text in result.stderr


def nifti1(dim, datatype=4, bitpix=16, voxel_bytes=b""):
    """A NIfTI-1 file with those numbers in its header, sense or nonsense."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, *dim)
    struct.pack_into("<hh", header, 70, datatype, bitpix)
    struct.pack_into("<8f", header, 76, *[1.0] * 8)
    struct.pack_into("<f", header, 108, 352.0)
    header[344:348] = b"n+1\0"
    return bytes(header) + voxel_bytes


def compressed_image():
    return gzip.compress(nifti1([3, 64, 64, 40, 1, 1, 1, 1], voxel_bytes=body_phantom().tobytes(order="F")))


def cut(data, *places):
    return {f"cut at {place}": data[:place] for place in places}


PHANTOM = compressed_image()
BAD_FILES = {
    "empty": b"",
    "one byte": b"\x5c",
    "text": b"Dear radiologist, the image is attached.\n" * 100,
    "DICOM": b"\0" * 128 + b"DICM" + b"\2\0\0\0UL\4\0" + b"\0" * 100,
    "gzip of text": gzip.compress(b"hello " * 1000),
    "negative axis": nifti1([3, -64, 64, 40, 1, 1, 1, 1]),
    "axis of zero": nifti1([3, 64, 0, 40, 1, 1, 1, 1]),
    "absurd axes": nifti1([3, 32767, 32767, 32767, 1, 1, 1, 1]),
    "absurd rank": nifti1([99, 64, 64, 40, 1, 1, 1, 1]),
    "unknown datatype": nifti1([3, 2, 2, 2, 1, 1, 1, 1], datatype=1234, voxel_bytes=b"\0" * 16),
    "header alone": nifti1([3, 64, 64, 40, 1, 1, 1, 1]),
    "broken gzip": PHANTOM[:400] + bytes(b ^ 0xFF for b in PHANTOM[400:440]) + PHANTOM[440:],
    **cut(PHANTOM, 5, 20, 100, len(PHANTOM) // 2, len(PHANTOM) - 9, len(PHANTOM) - 1),
    **cut(gzip.decompress(PHANTOM), 100, 348, 352, 1000, 64 * 64 * 40 * 2 + 351),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_line_and_exit_code_2(server, tmp_path, name):
    bad = tmp_path / "bad.nii.gz"
    bad.write_bytes(BAD_FILES[name])
    require_one_line(segment(server, bad, tmp_path / "mask.nii.gz", model=SPLEEN), BAD_INPUT)
    assert not (tmp_path / "mask.nii.gz").exists()


def test_an_image_without_foreground_is_refused(server, tmp_path):
    air = nifti1([3, 16, 16, 16, 1, 1, 1, 1], voxel_bytes=np.full(16 ** 3, -1000, np.int16).tobytes())
    (tmp_path / "air.nii").write_bytes(air)
    require_one_line(segment(server, tmp_path / "air.nii", tmp_path / "mask.nii.gz", model=SPLEEN), BAD_INPUT, "no voxel > 0")


def test_a_report_says_what_the_model_is_for(server, tmp_path):
    image = body_phantom()
    (tmp_path / "body.nii").write_bytes(nifti1([3, *image.shape, 1, 1, 1, 1], voxel_bytes=image.tobytes(order="F")))
    result = segment(server, tmp_path / "body.nii", tmp_path / "mask.nii", "--report", tmp_path / "report.json", model=SPLEEN)
    assert result.returncode == OK, result.stderr
    assert json.loads((tmp_path / "report.json").read_text())["intended_use"].startswith("Synthetic, not for patients")
    mask = nibabel.load(tmp_path / "mask.nii")  # as it was named: not compressed
    assert mask.shape == (224, 224, 224)


def test_channels_that_the_model_does_not_take_are_refused(server, tmp_path):
    result = server.voxctl("segment", HEAD, HEAD, "--model", BRAIN, "--mask", tmp_path / "mask.nii.gz")
    require_one_line(result, BAD_INPUT)


def test_unknown_models_and_versions_are_not_found(server, tmp_path):
    require_one_line(segment(server, HEAD, tmp_path / "m", model="liver"), NOT_FOUND, "'liver'")
    require_one_line(segment(server, HEAD, tmp_path / "m", "--model-version", "7"), NOT_FOUND)
    require_one_line(segment(server, tmp_path / "absent.nii", tmp_path / "m"), NOT_FOUND, "absent.nii")


def test_without_a_server_the_line_says_where_none_was(tmp_path):
    address = f"127.0.0.1:{free_port()}"
    for arguments in (["segment", HEAD, "--model", BRAIN], ["health"], ["models"]):
        result = subprocess.run([BIN / "voxctl", *arguments, "--address", address], capture_output=True, text=True, timeout=60)
        require_one_line(result, UNREACHABLE, address)


def test_after_all_of_that_the_next_request_works(server, reference, tmp_path):
    result = segment(server, HEAD, tmp_path / "mask.nii.gz")
    assert result.returncode == OK, result.stderr
    assert voxels(tmp_path / "mask.nii.gz") == voxels(reference[0] / "mask.nii.gz")
    models = {model["name"]: model for model in json.loads(server.voxctl("models", "--json").stdout)}
    assert models[BRAIN]["ready"] and models[SPLEEN]["ready"]
