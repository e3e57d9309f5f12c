"""What the tests with foreign clients share: the built programs as processes, and small images."""
import gzip
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("VOXD_BIN_DIR", ROOT / "build/release/bin"))
ZOO = ROOT / "models/zoo"
HEAD = ROOT / ".deps/data/ch2.nii.gz"
CT_SERIES = ROOT / ".deps/data/ct_series"  # 20 slices, JPEG 2000; its files have no identifiers
ROUNDS = int(os.environ.get("VOXD_FAULT_ROUNDS", "1"))
rounds = pytest.mark.parametrize("round_", range(ROUNDS))  # of a test that harms a server
START_S = 120  # a server that has not become ready after that never will


def wait_until(condition, what, seconds=60):
    """Returns the first true value of condition(); fails the test when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.02)


class Server:
    """One voxd on a free port of this machine, ready when the constructor returns. `address`: where to reach it instead, as `options` say.
    `environment`: of the server, beside this process's."""

    def __init__(self, folder, *models, options=(), repository=ZOO, address=None, environment=(), **popen):
        self.log_file = folder / "voxd.log"
        port_file = folder / "port"
        port_file.unlink(missing_ok=True)
        names = [word for model in models for word in ("--model", model)]
        with open(self.log_file, "w") as log:
            self.process = subprocess.Popen(
                [BIN / "voxd", "--model-repository", repository, *names, "--device", "cpu", "--address", "127.0.0.1:0",
                 "--port-file", port_file, *options], stdout=log, stderr=log,
                env={"VOXD_METRICS_ADDRESS": "off", **os.environ, **dict(environment)}, **popen)
        try:
            wait_until(lambda: port_file.exists() or self.ended(), "voxd names its port", START_S)
            assert not self.ended(), self.log()
            self.ports = [int(line) for line in port_file.read_text().split()]
            self.port = self.ports[0]
            self.address = address or f"127.0.0.1:{self.port}"
            result = self.voxctl("health", "--wait", START_S)
            assert result.returncode == 0, result.stderr + self.log()
        except BaseException:
            self.kill()
            raise

    def ended(self):
        return self.process.poll() is not None

    def log(self):
        return self.log_file.read_text()

    def start_voxctl(self, *arguments, **popen):
        environment = {**os.environ, "VOXD_ADDRESS": self.address}
        return subprocess.Popen([BIN / "voxctl", *map(str, arguments)], env=environment, text=True,
                                **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen})

    def voxctl(self, *arguments, timeout=300):
        with self.start_voxctl(*arguments) as process:
            out, err = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """SIGTERM; the exit code must be 0."""
        if not self.ended():
            self.terminate()
        code = self.process.wait(timeout=300)
        assert code == 0, f"voxd ended with {code}\n{self.log()}"

    def kill(self):
        self.process.kill()
        self.process.wait()


def http(server, path):
    """Status and text of what the server answers on its HTTP address."""
    port = wait_until(lambda: re.search(r"over HTTP on port (\d+)", server.log()), "the log names the HTTP port")[1]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def gauge(server, name):
    return float(re.search(rf"^{name} (\S+)$", http(server, "/metrics")[1], re.MULTILINE)[1])


def mask_of(server, image, folder):
    """What the model `spleen` makes of it: the mask's bytes without the compression around them."""
    result = server.voxctl("segment", image, "--model", "spleen", "--mask", folder / "mask.nii.gz", "--quiet")
    assert result.returncode == 0, result.stderr
    return gzip.decompress((folder / "mask.nii.gz").read_bytes())


def require_unharmed(server, image, reference, folder):
    """The server holds nothing, says that it is well, and gives the right answer. `reference`: what mask_of() gave."""
    wait_until(lambda: gauge(server, "voxd_calls_in_flight") == 0, "no call is in flight any more")
    wait_until(lambda: gauge(server, "voxd_jobs_running") == 0, "no job runs any more")
    assert http(server, "/readyz")[0] == 200
    assert mask_of(server, image, folder) == reference


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def issue_certificate(folder, name, ca=None):
    """NAME.crt and NAME.key in the folder: signed by itself, or by `ca`."""
    subject = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
               "-keyout", folder / f"{name}.key"]
    signed_by = ["-CA", folder / f"{ca}.crt", "-CAkey", folder / f"{ca}.key"] if ca else []
    if not ca:
        subprocess.run(["openssl", "req", "-x509", *subject, "-out", folder / f"{name}.crt"], check=True, capture_output=True)
        return
    subprocess.run(["openssl", "req", *subject, "-out", folder / f"{name}.csr"], check=True, capture_output=True)
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    subprocess.run(["openssl", "x509", "-req", "-in", folder / f"{name}.csr", *signed_by, "-CAcreateserial", "-days", "2",
                    "-extfile", folder / "names", "-out", folder / f"{name}.crt"], check=True, capture_output=True)


def body_phantom(shape=(64, 64, 40)):
    """int16 in Hounsfield units: air, and in it a body-like ellipsoid of soft tissue with a denser organ; not symmetric in any axis."""
    x, y, z = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in shape)]
    image = np.full(shape, -1000, np.int16)
    image[(x / 0.9) ** 2 + (y / 0.7) ** 2 + (z / 0.95) ** 2 < 1] = 40
    image[((x - 0.4) / 0.25) ** 2 + ((y + 0.2) / 0.3) ** 2 + ((z - 0.1) / 0.4) ** 2 < 1] = 120
    return image
