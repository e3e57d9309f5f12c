# venv: tritonclient-new
"""A machine without memory, from any moment on, or without threads: a call fails alone, a server that cannot start says why, and the next request is right.

scripts/faults runs each of these many times.
"""
import json
import mmap
import random
import struct

import nibabel
import numpy as np
import pytest

from support import BIN, Server, body_phantom, mask_of, require_unharmed, rounds, wait_until

HTTP = ["--metrics-address", "127.0.0.1:0"]
LARGE = 4 << 20  # more than any message; smaller ones are gRPC's business, which does not survive their failure
ALL = 1 << 40
STAGES = {"receive", "decode", "pre", "network", "post", "encode"}


class Orders:
    """The numbers that faulty_system.so reads, and counts in."""

    def __init__(self, folder):
        file = folder / "orders"
        file.write_bytes(bytes(56))
        with open(file, "r+b") as opened:
            self.numbers = mmap.mmap(opened.fileno(), 56)
        self.environment = {"LD_PRELOAD": str(BIN / "faulty_system.so"), "VOXD_FAULTS": str(file)}

    def refuse_memory(self, let_through, fail=ALL, later=0):
        """After so many large allocations that many fail, after `later` more all do."""
        struct.pack_into("5q", self.numbers, 0, LARGE, let_through, fail, later, 0)

    def allow_threads(self, most):
        struct.pack_into("q", self.numbers, 40, most)

    def all_is_well(self):
        struct.pack_into("q", self.numbers, 0, 0)
        self.allow_threads(0)

    def allocations(self):
        return struct.unpack_from("q", self.numbers, 32)[0]

    def threads(self):
        return struct.unpack_from("q", self.numbers, 48)[0]


@pytest.fixture
def orders(tmp_path):
    return Orders(tmp_path)


def body(folder, name, shape):
    file = folder / name
    nibabel.save(nibabel.Nifti1Image(body_phantom(shape), np.eye(4)), file)
    return file


@pytest.fixture
def image(tmp_path):
    return body(tmp_path, "body.nii", [random.randrange(180, 220) for _ in range(3)])


def calls_in(log):
    return [line for line in map(json.loads, log.splitlines()) if line.get("rpc") == "Segment"]


@rounds
def test_no_memory_from_any_moment_on(start_server, spleen_repository, orders, image, tmp_path, round_):
    server = start_server(repository=spleen_repository, options=[*HTTP, "--log-format", "json"], environment=orders.environment)
    reference = mask_of(server, image, tmp_path)
    larger = body(tmp_path, "larger.nii", (256, 256, 200))
    calls = 1

    def call(file, **refused):
        """The call's line in the log."""
        nonlocal calls
        orders.refuse_memory(**refused)
        server.voxctl("segment", file, "--model", "spleen", "--mask", tmp_path / "mask.nii.gz", "--quiet")
        orders.all_is_well()
        assert not server.ended(), server.log()
        calls += 1
        return wait_until(lambda: len(calls_in(server.log())) == calls and calls_in(server.log())[-1], "the call is logged")

    def refuse_from_each_moment_on(first, **refused):
        """Until a call is not met by it any more. The stages in which calls ended."""
        stages, moments = [], first
        while True:
            # Memory that the server keeps from before is given back when there is none of another size.
            assert call(larger, let_through=0)["outcome"] == "RESOURCE_EXHAUSTED"
            line = call(image, **{name: moments if value is None else value for name, value in refused.items()})
            if line["outcome"] == "OK":
                return stages
            assert line["outcome"] == "RESOURCE_EXHAUSTED", line
            stages.append(line["stage"])
            moments += 1

    ended = refuse_from_each_moment_on(0, let_through=None)
    # A pipeline that finds no memory is run once more, which is where the call above ended; now that run is let come further.
    again = refuse_from_each_moment_on(1, let_through=ended.index("pre"), fail=2, later=None)
    print(f"ended in {ended}; run again, in {again}")
    assert {*ended, *again} == STAGES
    require_unharmed(server, image, reference, tmp_path)


@rounds
def test_too_few_threads_to_start(spleen_repository, orders, image, tmp_path, round_):
    server = Server(tmp_path, repository=spleen_repository, options=HTTP, environment=orders.environment)
    try:
        reference = mask_of(server, image, tmp_path)
        wanted = orders.threads()
    finally:
        server.stop()
    for most in random.sample(range(1, wanted), 2):
        orders.allow_threads(most)
        with pytest.raises(AssertionError, match="voxd: "):
            Server(tmp_path, repository=spleen_repository, options=HTTP, environment=orders.environment)
    orders.all_is_well()
    server = Server(tmp_path, repository=spleen_repository, options=HTTP, environment=orders.environment)
    try:
        require_unharmed(server, image, reference, tmp_path)
    finally:
        server.stop()
