# venv: tritonclient-new tritonclient-old
"""An unmodified tritonclient.grpc loads and unloads a model of a running server; SIGHUP brings what the folder has."""
import shutil
import signal

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from support import BIN, ZOO, body_phantom, wait_until

FAST = '{"warm_up_size": [32, 32, 32]}'


def add_model(repository, name, version="1"):
    """spleen_seg without its slow warm-up, under another name."""
    folder = repository / name / version
    shutil.copytree(ZOO / "spleen_seg", folder)
    (folder / "configs/serving.json").write_text(FAST)
    return folder


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    add_model(folder, "first")
    return folder


def connected(server):
    return triton.InferenceServerClient(server.address)


def states(client):
    return {(m.name, m.version): m.state for m in client.get_model_repository_index().models}


def infer(client, name):
    volume = body_phantom((32, 32, 32))[None].astype(np.float32)
    tensor = triton.InferInput("image", list(volume.shape), "FP32")
    tensor.set_data_from_numpy(volume)
    return client.infer(name, [tensor]).get_response().model_version


def refusal(act):
    with pytest.raises(InferenceServerException) as caught:
        act()
    return caught.value.status(), caught.value.message()


def test_a_client_loads_a_new_version_and_unloads_the_model(start_server, repository):
    with connected(start_server(repository=repository, options=["--model-control"])) as client:
        assert "model_repository" in client.get_server_metadata().extensions
        assert infer(client, "first") == "1"
        add_model(repository, "first", "2")
        client.load_model("first")
        assert infer(client, "first") == "2"

        (add_model(repository, "first", "3") / "configs/inference.json").write_text("{")
        code, text = refusal(lambda: client.load_model("first"))
        assert code == "StatusCode.FAILED_PRECONDITION"
        assert text.startswith("failed to load 'first' version 3: first/configs/inference.json")
        assert infer(client, "first") == "2"

        client.unload_model("first")
        assert not client.is_model_ready("first")
        assert set(states(client).values()) == {"UNAVAILABLE"}
        assert refusal(lambda: infer(client, "first"))[0] == "StatusCode.UNAVAILABLE"
        shutil.rmtree(repository / "first/3")
        client.load_model("first")
        assert states(client) == {("first", "1"): "READY", ("first", "2"): "READY"}


def test_a_network_that_crashes_does_not_take_the_server_with_it(start_server, repository):
    network = add_model(repository, "crashes") / "models/model.ts"
    network.unlink()
    shutil.copy(BIN.parent / "test_networks/crashes.ts", network)
    with connected(start_server(repository=repository)) as client:
        assert infer(client, "first") == "1"
        reasons = {m.name: m.reason for m in client.get_model_repository_index().models}
        assert reasons["crashes"] == ("crashes/models/model.ts: the network crashed (signal 11, Segmentation fault) "
                                      "when it was loaded")


def test_without_model_control_clients_change_nothing(start_server, repository):
    with connected(start_server(repository=repository)) as client:
        assert "model_repository" not in client.get_server_metadata().extensions
        for act in client.load_model, client.unload_model:
            code, text = refusal(lambda: act("first"))
            assert code == "StatusCode.PERMISSION_DENIED"
            assert "--model-control" in text
        assert client.is_model_ready("first")


def test_sighup_brings_what_the_folder_has(start_server, repository):
    server = start_server(repository=repository)
    with connected(server) as client:
        add_model(repository, "second")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: ("second", "1") in states(client), "the new model is there")
        assert infer(client, "second") == "1"
        shutil.rmtree(repository / "first")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: ("first", "1") not in states(client), "the old model has gone")
        assert infer(client, "second") == "1"


def test_voxctl_loads_and_unloads(start_server, repository):
    server = start_server(repository=repository, options=["--model-control"])
    assert server.voxctl("unload", "first").stdout == "first is unloaded\n"
    assert "not ready: unloaded" in server.voxctl("models").stdout
    loaded = server.voxctl("load", "first")
    assert (loaded.returncode, loaded.stdout) == (0, "first is loaded\n"), loaded.stderr
    refused = server.voxctl("load", "none")
    assert refused.returncode != 0 and refused.stderr == "voxctl: failed to load 'none': the model repository has no such model\n"
