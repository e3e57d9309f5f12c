# venv: tritonclient-new
"""What an operator sees of a running server: metrics and health over HTTP, logs; and what nobody may see there."""
import gzip
import hashlib
import json
import os
import re
import signal

import nibabel
import numpy as np

from support import body_phantom, http, issue_certificate, wait_until

SECRETS = ["DOE^JANE", "DOE_JANE", "PID-4711", "JANES-WARD"]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def image_of_jane(folder):
    """A volume whose header and file name say whose it is."""
    image = nibabel.Nifti1Image(body_phantom((32, 32, 32)), np.eye(4))
    image.header["descrip"] = b"DOE^JANE 19700101"
    image.header["db_name"] = b"PID-4711"
    image.header["aux_file"] = b"JANES-WARD"
    image.header["intent_name"] = b"DOE^JANE"
    file = folder / "DOE_JANE.nii.gz"
    nibabel.save(image, file)
    return file


def test_nothing_of_the_patient_is_in_logs_errors_or_metrics(start_server, spleen_repository, tmp_path):
    server = start_server(repository=spleen_repository, options=["--metrics-address", "127.0.0.1:0", "--log-level", "debug",
                                                          "--audit-file", tmp_path / "audit"])
    image = image_of_jane(tmp_path)
    said = []

    def segment(file, *more):
        result = server.voxctl("segment", file, "--model", "spleen", "--mask", tmp_path / "mask.nii.gz",
                               "--report", tmp_path / "report.json", *more)
        said.append(result.stderr.replace(str(file), ""))  # voxctl itself may name the file that it was given
        return result.returncode

    assert segment(image) == 0
    whole = gzip.decompress(image.read_bytes())
    for name, content in {"cut": whole[:1000], "narrow": whole[:42] + b"\xff\xff" + whole[44:],
                          "typed": whole[:70] + b"\xff\x7f" + whole[72:], "noise": b"DOE^JANE" * 100}.items():
        bad = tmp_path / f"DOE_JANE-{name}.nii"
        bad.write_bytes(content)
        assert segment(bad) != 0
    assert segment(image, "--model-version", "9") != 0
    seen = {"log": server.log(), "errors": "\n".join(said), "metrics": http(server, "/metrics")[1],
            "audit": (tmp_path / "audit").read_text(), "report": (tmp_path / "report.json").read_text()}
    assert "voxd_calls_total" in seen["metrics"] and "Segment id=" in seen["log"] and "input_sha256" in seen["audit"]
    for place, text in seen.items():
        for secret in SECRETS:
            assert secret not in text, f"{place} says {secret}"


def test_health_and_metrics_follow_what_the_server_does(start_server, spleen_repository, tmp_path):
    server = start_server(repository=spleen_repository, options=["--metrics-address", "127.0.0.1:0", "--drain-delay", "600"])
    assert http(server, "/livez")[0] == 200 and http(server, "/readyz")[0] == 200
    image = image_of_jane(tmp_path)
    assert server.voxctl("segment", image, "--model", "spleen").returncode == 0
    metrics = http(server, "/metrics")[1]
    assert 'voxd_calls_total{code="OK",rpc="Segment"} 1' in metrics
    assert re.search(r'voxd_stage_seconds_count\{model="spleen",stage="network"\} 1\b', metrics)
    server.terminate()
    wait_until(lambda: http(server, "/readyz")[0] == 503, "the server says that it stops")
    assert http(server, "/livez")[0] == 200
    assert server.voxctl("segment", image, "--model", "spleen").returncode == 0, "calls are taken until the delay is over"
    server.terminate()  # the second signal does not wait


def test_a_log_in_json_is_one_object_a_line_and_goes_on_in_a_new_file_after_sighup(start_server, spleen_repository, tmp_path):
    log, old = tmp_path / "voxd.json", tmp_path / "voxd.json.1"
    server = start_server(repository=spleen_repository, options=["--log-file", log, "--log-format", "json"])
    image = image_of_jane(tmp_path)

    def lines(file):
        return [json.loads(line) for line in file.read_text().splitlines()]

    assert server.voxctl("segment", image, "--model", "spleen", "--request-id", 'q"1').returncode == 0
    wait_until(lambda: any("rpc" in line for line in lines(log)), "the request is logged")
    [request] = [line for line in lines(log) if line.get("rpc") == "Segment"]
    assert request["id"] == 'q"1' and request["model"] == "spleen" and request["outcome"] == "OK"
    assert request["stage_ms"]["network"] > 0 and request["bytes_in"] == os.path.getsize(image)
    assert all({"time", "level"} <= line.keys() for line in lines(log))
    log.rename(old)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: log.exists() and any("again" in line.get("message", "") for line in lines(log)), "a new log begins")
    assert server.log() == "", "all of it goes to the file"


def test_voxctl_and_voxd_prove_to_each_other_who_they_are(start_server, spleen_repository, tmp_path):
    for name in ("authority", "server", "gateway"):
        issue_certificate(tmp_path, name, None if name == "authority" else "authority")
    (tmp_path / "token").write_text("a token\n")
    (tmp_path / "roles.json").write_text(json.dumps({
        "subjects": {"gateway": ["infer"]}, "tokens": {hashlib.sha256(b"a token").hexdigest(): ["admin"]}}))
    socket = tmp_path / "socket"
    server = start_server(repository=spleen_repository, options=[
        "--tls-cert", tmp_path / "server.crt", "--tls-key", tmp_path / "server.key", "--tls-client-ca", tmp_path / "authority.crt",
        "--roles", tmp_path / "roles.json", "--model-control", "--address", f"unix:{socket}"], address=f"unix:{socket}")
    port = (tmp_path / "server-0/port").read_text().split()[0]

    def over_tls(*arguments):
        return server.voxctl(*arguments, "--address", f"127.0.0.1:{port}", "--tls-ca", tmp_path / "authority.crt",
                             "--tls-server-name", "localhost")

    mine = ["--tls-cert", tmp_path / "gateway.crt", "--tls-key", tmp_path / "gateway.key"]
    image = image_of_jane(tmp_path)
    assert over_tls("segment", image, "--model", "spleen", *mine).returncode == 0
    assert over_tls("models").returncode == 5, "no certificate, no connection"
    denied = over_tls("load", "spleen", *mine)
    assert denied.returncode != 0 and "'admin'" in denied.stderr
    assert over_tls("load", "spleen", *mine, "--token-file", tmp_path / "token").returncode == 0
    assert server.voxctl("models").returncode != 0, "a unix socket proves nothing"
    assert server.voxctl("models", "--token-file", tmp_path / "token").returncode == 0
    remote = server.voxctl("models", "--token-file", tmp_path / "token", "--address", "192.0.2.1:8001")
    assert remote.returncode == 2 and "in clear" in remote.stderr
