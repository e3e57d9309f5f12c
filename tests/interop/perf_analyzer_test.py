# venv: tritonclient-new
"""Triton's own load generator, unmodified, measures spleen_seg in each of its modes without a request that fails."""
import os
import re
import subprocess

import pytest

from support import ROOT

MODEL = "spleen_seg"
FOLDER = ROOT / ".deps/perf_analyzer"
MASK_BYTES = 224 ** 3
WINDOWS, EACH = 3, 1


@pytest.fixture(scope="module")
def server(start_module_server):
    # perf_analyzer names its memory /INPUT0_0_0, /MASK_0 and so on.
    return start_module_server(MODEL, options=("--shm", "system", "--shm-key-prefix", "/"))


@pytest.mark.parametrize("mode", [
    ("--sync", "--concurrency-range", "1"),
    ("--async", "--concurrency-range", "2"),
    ("--async", "--streaming", "--concurrency-range", "2"),
    ("--concurrency-range", "1", "--shared-memory", "system", "--output-shared-memory-size", str(MASK_BYTES)),
], ids=["sync", "async", "streaming", "shared memory"])
def test_perf_analyzer_measures_without_a_failure(server, mode):
    command = [FOLDER / "perf_analyzer", "-m", MODEL, "-i", "grpc", "-u", server.address, "--shape", "INPUT0:1,64,64,40",
               "--measurement-mode", "count_windows", "--measurement-request-count", str(EACH), "--stability-percentage", "999",
               "--max-trials", str(WINDOWS), *mode]
    libraries = {"LD_LIBRARY_PATH": str(FOLDER / "nvidia/cuda_runtime/lib")}
    ended = subprocess.run(command, env={**os.environ, **libraries}, capture_output=True, text=True, timeout=300)
    told = ended.stdout + ended.stderr
    assert ended.returncode == 0, told
    client, server_side = told.split("Client:")[1].split("Server:")
    assert "ailed" not in told, told
    requests = int(re.search(r"Request count: (\d+)", client)[1])
    assert requests >= WINDOWS * EACH, told
    # What the server says of itself is of the same requests, and its parts add up to the whole.
    assert int(re.search(r"Inference count: (\d+)", server_side)[1]) >= requests, told
    total, overhead, *parts = map(int, re.search(
        r"Avg request latency: (\d+) usec \(overhead (\d+) usec \+ queue (\d+) usec \+ compute input (\d+) usec "
        r"\+ compute infer (\d+) usec \+ compute output (\d+) usec\)", server_side).groups())
    assert total > 0 and overhead <= 10 and abs(total - overhead - sum(parts)) <= 10, told
    assert int(re.search(r"Avg latency: (\d+) usec", client)[1]) >= total, told
