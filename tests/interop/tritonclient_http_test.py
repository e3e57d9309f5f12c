# venv: tritonclient-new tritonclient-old
"""An unmodified tritonclient.http, of today and of 2022, makes the calls of MONAI's tutorial and gets what gRPC gives."""
import os

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException

from support import body_phantom

MODEL = "spleen_seg"
GRID = [1, 1, 224, 224, 224]


@pytest.fixture(scope="module")
def server(start_module_server):
    return start_module_server(MODEL, options=("--http-address", "127.0.0.1:0", "--shm", "system"))


@pytest.fixture(scope="module")
def client(server):
    with httpclient.InferenceServerClient(url=f"127.0.0.1:{server.ports[1]}", concurrency=2) as client:
        yield client


@pytest.fixture(scope="module")
def over_grpc(server):
    return masks_over_grpc(server, volume())


def masks_over_grpc(server, image):
    """What gRPC's client gets."""
    tensor = grpcclient.InferInput("INPUT0", list(image.shape), "FP32")
    tensor.set_data_from_numpy(image)
    with grpcclient.InferenceServerClient(server.address) as client:
        answer = client.infer(MODEL, [tensor])
        return {name: answer.as_numpy(name) for name in ("MASK", "CONTOUR")}


def volume(*shape):
    return body_phantom(*shape)[None].astype(np.float32)


def as_input(image, datatype="FP32", binary=True):
    tensor = httpclient.InferInput("INPUT0", list(image.shape), datatype)
    tensor.set_data_from_numpy(image, binary_data=binary)
    return tensor


def refusal(act):
    """Status and text of the InferenceServerException that act() must raise; the client of 2022 keeps no status."""
    with pytest.raises(InferenceServerException) as caught:
        act()
    return caught.value.status(), caught.value.message()


def test_server_and_model_are_live_and_ready(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, "1")
    assert not client.is_model_ready("spleen")


def test_metadata_config_statistics_and_index_are_as_over_grpc(client):
    assert client.get_server_metadata()["name"] == "voxd"
    metadata = client.get_model_metadata(MODEL, "1")
    assert metadata["inputs"] == [{"name": "INPUT0", "datatype": "FP32", "shape": [1, -1, -1, -1]}]
    assert metadata["outputs"] == [{"name": name, "datatype": "UINT8", "shape": GRID} for name in ("MASK", "CONTOUR")]
    config = client.get_model_config(MODEL)
    assert config["max_batch_size"] == 0
    assert config["output"][0]["dims"] == GRID
    statistics = client.get_inference_statistics(MODEL)["model_stats"][0]
    assert (statistics["name"], statistics["version"]) == (MODEL, "1")
    assert client.get_inference_statistics()["model_stats"][0]["name"] == MODEL
    assert [(m["name"], m["state"]) for m in client.get_model_repository_index()] == [(MODEL, "READY")]


@pytest.mark.parametrize("shape", [(64, 64, 40), (512, 512, 114)])  # the second is the tutorial's
def test_the_tutorials_calls_give_the_masks_that_grpc_gives(server, client, shape):
    image = volume(shape)
    outputs = [httpclient.InferRequestedOutput(name, binary_data=True) for name in ("MASK", "CONTOUR")]
    answer = client.infer(model_name=MODEL, model_version="1", inputs=[as_input(image)], outputs=outputs, request_id="study-17")
    expected = masks_over_grpc(server, image)
    for name in ("MASK", "CONTOUR"):
        assert list(answer.as_numpy(name).shape) == GRID
        assert np.array_equal(answer.as_numpy(name), expected[name]), name
    assert np.any(expected["MASK"])
    response = answer.get_response()
    assert (response["id"], response["model_name"], response["model_version"]) == ("study-17", MODEL, "1")
    assert "stage_ms" in response["parameters"]


def test_without_outputs_all_come_back_in_binary(client, over_grpc):
    answer = client.infer(MODEL, [as_input(volume().astype(np.int16), "INT16")])
    assert np.array_equal(answer.as_numpy("MASK"), over_grpc["MASK"])
    assert np.array_equal(answer.as_numpy("CONTOUR"), over_grpc["CONTOUR"])


def test_async_calls_run_side_by_side(client, over_grpc):
    calls = [client.async_infer(MODEL, [as_input(volume())]) for _ in range(3)]
    for call in calls:
        assert np.array_equal(call.get_result().as_numpy("MASK"), over_grpc["MASK"])


def test_tensors_in_json_are_as_good(client, over_grpc):
    image = body_phantom((16, 16, 16))[None].astype(np.float32)
    outputs = [httpclient.InferRequestedOutput("MASK", binary_data=False)]
    as_json = client.infer(MODEL, [as_input(image, binary=False)], outputs=outputs).as_numpy("MASK")
    in_binary = client.infer(MODEL, [as_input(image)]).as_numpy("MASK")
    assert np.array_equal(as_json, in_binary)


def test_compressed_requests_are_refused_and_compressed_answers_never_made(client):
    status, text = refusal(lambda: client.infer(MODEL, [as_input(volume())], request_compression_algorithm="gzip"))
    assert status in (None, "501")
    assert "must not be compressed" in text
    answer = client.infer(MODEL, [as_input(volume())], response_compression_algorithm="gzip")
    assert list(answer.as_numpy("MASK").shape) == GRID


@pytest.mark.parametrize("act, status, text", [
    (lambda c: c.infer("spleen", [as_input(volume())]), "404", "Request for unknown model"),
    (lambda c: c.infer(MODEL, [as_input(volume()[0])]), "400", "unexpected shape for input 'INPUT0'"),
    (lambda c: c.infer(MODEL, []), "400", "expected 1 inputs but got 0"),
    (lambda c: c.infer(MODEL, [as_input(volume())], outputs=[httpclient.InferRequestedOutput("X")]), "400", "unexpected inference output 'X'"),
    (lambda c: c.get_model_config("spleen"), "404", "Request for unknown model"),
    (lambda c: c.load_model(MODEL), "403", "loading and unloading is off"),
    (lambda c: c.register_cuda_shared_memory("r", b"x" * 64, 0, 100), "501", "Client shared memory is disabled"),
])
def test_refusals_have_tritons_status_and_text(client, act, status, text):
    got, message = refusal(lambda: act(client))
    assert got in (None, status)
    assert message.startswith(text)


def test_a_volume_goes_through_shared_memory(client, over_grpc):
    image = np.ascontiguousarray(volume())
    size = int(np.prod(GRID))
    keys = {name: f"/voxd_http_{os.getpid()}_{name}" for name in ("in", "out")}
    regions = {name: shm.create_shared_memory_region(name, keys[name], n) for name, n in (("in", image.nbytes), ("out", size))}
    try:
        shm.set_shared_memory_region(regions["in"], [image])
        client.register_system_shared_memory("in", keys["in"], image.nbytes)
        client.register_system_shared_memory("out", keys["out"], size)
        assert {region["key"] for region in client.get_system_shared_memory_status()} == set(keys.values())
        tensor = httpclient.InferInput("INPUT0", list(image.shape), "FP32")
        tensor.set_shared_memory("in", image.nbytes)
        output = httpclient.InferRequestedOutput("MASK")
        output.set_shared_memory("out", size)
        client.infer(MODEL, [tensor], outputs=[output])
        assert np.array_equal(shm.get_contents_as_numpy(regions["out"], np.uint8, GRID), over_grpc["MASK"])
        client.unregister_system_shared_memory()
        assert client.get_system_shared_memory_status() == []
    finally:
        for region in regions.values():
            shm.destroy_shared_memory_region(region)
