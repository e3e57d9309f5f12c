# venv: tritonclient-new
"""voxctl bench against a real server: a load, and the ways that a volume can take."""
import json

import nibabel
import numpy as np
import pytest

from support import body_phantom

MODEL = "spleen"
WAYS = {"http", "grpc", "segment", "shm"}


@pytest.fixture(scope="module")
def server(start_module_server, spleen_repository):
    return start_module_server(MODEL, repository=spleen_repository, options=("--http-address", "127.0.0.1:0", "--shm", "system"))


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "body.nii.gz"
    nibabel.save(nibabel.Nifti1Image(body_phantom((40, 40, 24)), np.diag([1.5, 1.5, 2, 1])), path)
    return path


def bench(server, *arguments):
    return server.voxctl("bench", "--model", MODEL, "--http-address", f"127.0.0.1:{server.ports[1]}", *arguments)


@pytest.mark.parametrize("via", sorted(WAYS))
def test_a_load_goes_each_way(server, image, via):
    ended = bench(server, image, "--via", via, "--count", "3", "--concurrency", "2", "--json")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert (result["answered"], result["failed"]) == (3, 0)
    assert result["stage_ms"]["network"] > 0


def test_the_ways_are_compared_in_a_table_and_a_chart(server, image, tmp_path):
    chart = tmp_path / "ways.png"
    ended = bench(server, image, "--compare", "--count", "2", "--chart", chart)
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) == 1 + len(WAYS)
    assert chart.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    as_json = json.loads(bench(server, image, "--compare", "--count", "1", "--float32", "--json").stdout)
    assert set(as_json) == WAYS
    assert as_json["http"]["bytes_sent"] == 40 * 40 * 24 * 4


def test_what_is_refused_has_its_reason(server, image):
    ended = server.voxctl("bench", image, "--model", "other", "--count", "1")
    assert ended.returncode == 4
    assert "unknown model" in ended.stderr
    ended = server.voxctl("bench", image, "--model", MODEL, "--via", "http", "--http-address", "127.0.0.1:1", "--count", "1")
    assert ended.returncode == 5
