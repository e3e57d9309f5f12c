# venv: tritonclient-new
"""What goes wrong around a server, on purpose: afterwards it lives, says the truth about its health, holds nothing, and the next request is right.

scripts/faults runs each of these many times.
"""
import gzip
import json
import os
import random
import resource
import signal
import socket
import time

import nibabel
import numpy as np
import pytest

from support import Server, body_phantom, gauge, mask_of, require_unharmed, rounds, wait_until

HTTP = ["--metrics-address", "127.0.0.1:0"]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """Large enough for a call to be met in each of its phases."""
    file = tmp_path_factory.mktemp("image") / "body.nii"
    nibabel.save(nibabel.Nifti1Image(body_phantom((160, 160, 96)), np.eye(4)), file)
    return file


@pytest.fixture(scope="module")
def server(start_module_server, spleen_repository):
    return start_module_server(repository=spleen_repository, options=[*HTTP, "--stall-timeout", "1"])


@pytest.fixture(scope="module")
def reference(server, image, tmp_path_factory):
    return mask_of(server, image, tmp_path_factory.mktemp("reference"))


def call(server, image, **popen):
    return server.start_voxctl("segment", image, "--model", "spleen", "--mask", os.devnull, **popen)


def in_some_phase(server, process):
    """Lets the call get somewhere, then says nothing about where that is."""
    wait_until(lambda: gauge(server, "voxd_calls_in_flight") > 0 or process.poll() is not None, "the call has begun")
    time.sleep(random.uniform(0, 1))


@rounds
def test_clients_killed_in_any_phase(server, image, reference, tmp_path, round_):
    processes = [call(server, image) for _ in range(3)]
    for process in processes:
        in_some_phase(server, process)
        process.kill()
        process.communicate()
    require_unharmed(server, image, reference, tmp_path)


@rounds
def test_clients_that_stop_without_closing(server, image, reference, tmp_path, round_):
    process = call(server, image)
    in_some_phase(server, process)
    process.send_signal(signal.SIGSTOP)
    # Uploading or being sent to, it is ended after the stall's time; waiting or running, its job is done by then.
    wait_until(lambda: gauge(server, "voxd_calls_in_flight") == 0 or gauge(server, "voxd_jobs_running") == 0, "it holds no worker")
    process.kill()
    process.communicate()
    require_unharmed(server, image, reference, tmp_path)


@rounds
def test_connections_that_say_nothing_or_noise(server, image, reference, tmp_path, round_):
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    for connection in silent[::2]:
        connection.sendall(random.randbytes(random.randrange(1, 2000)))
    require_unharmed(server, image, reference, tmp_path)
    for connection in silent:
        connection.close()
    require_unharmed(server, image, reference, tmp_path)


@rounds
def test_damaged_images(server, image, reference, tmp_path, round_):
    whole = image.read_bytes()
    cut = tmp_path / "cut.nii"
    cut.write_bytes(whole[:random.randrange(len(whole))])
    assert call(server, cut).wait() != 0
    noisy = tmp_path / "noisy.nii.gz"
    packed = bytearray(gzip.compress(whole, 1))
    for _ in range(20):
        packed[random.randrange(10, len(packed))] ^= 1 << random.randrange(8)
    noisy.write_bytes(packed)
    assert call(server, noisy).wait() != 0
    require_unharmed(server, image, reference, tmp_path)


@rounds
def test_more_connections_than_descriptors_at_start(spleen_repository, image, reference, tmp_path, round_):
    soft = 60
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    server = Server(tmp_path, repository=spleen_repository, options=HTTP,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)))
    try:
        connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2 * soft)]
        require_unharmed(server, image, reference, tmp_path)
        for connection in connections:
            connection.close()
        require_unharmed(server, image, reference, tmp_path)
    finally:
        server.stop()


@rounds
def test_a_full_disk_under_log_and_audit(spleen_repository, image, tmp_path, round_):
    server = Server(tmp_path, repository=spleen_repository, options=["--log-file", "/dev/full"])
    try:
        assert call(server, image).wait() == 0, "a log that cannot be written keeps nobody from an answer"
    finally:
        server.stop()
    server = Server(tmp_path, repository=spleen_repository, options=["--audit-file", "/dev/full"])
    try:
        with call(server, image) as process:
            assert "audit" in process.communicate()[1] and process.returncode != 0
        assert server.voxctl("health").returncode == 0
    finally:
        server.stop()


@rounds
def test_killed_under_load_and_started_again(spleen_repository, image, reference, tmp_path, round_):
    listening = tmp_path / "socket"
    options = [*HTTP, "--address", f"unix:{listening}", "--audit-file", tmp_path / "audit"]
    server = Server(tmp_path, repository=spleen_repository, options=options)
    processes = [call(server, image) for _ in range(3)]
    in_some_phase(server, processes[0])
    server.kill()
    for process in processes:
        assert process.wait() != 0
    begin = time.monotonic()
    server = Server(tmp_path, repository=spleen_repository, options=options, address=f"unix:{listening}")
    print(f"ready again after {time.monotonic() - begin:.1f} s")
    try:
        require_unharmed(server, image, reference, tmp_path)
        for line in (tmp_path / "audit").read_text().splitlines():
            json.loads(line)
        assert not list(tmp_path.glob("port.*")), "no half-written file is left"
    finally:
        server.stop()


@rounds
def test_told_to_stop_in_any_phase(spleen_repository, image, tmp_path, round_):
    server = Server(tmp_path, repository=spleen_repository, options=HTTP)
    processes = [call(server, image) for _ in range(2)]
    in_some_phase(server, processes[0])
    accepted = gauge(server, "voxd_calls_in_flight")
    server.stop()  # which must end with 0
    outcomes = [process.wait() for process in processes]
    assert outcomes.count(0) >= accepted, "what was accepted is finished"
