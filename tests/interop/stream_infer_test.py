# venv: tritonclient-new tritonclient-old
"""An unmodified tritonclient infers without waiting for each answer: on a stream, and with calls at once."""
import queue

import numpy as np
import pytest
import tritonclient.grpc as triton

from support import body_phantom

MODEL = "spleen_seg"


@pytest.fixture(scope="module")
def address(start_module_server):
    return start_module_server(MODEL).address


@pytest.fixture
def client(address):
    with triton.InferenceServerClient(address) as client:
        yield client


def image():
    volume = np.ascontiguousarray(body_phantom()[None])
    tensor = triton.InferInput("INPUT0", list(volume.shape), "INT16")
    tensor.set_data_from_numpy(volume)
    return tensor


WANTED = [triton.InferRequestedOutput("MASK")]


@pytest.fixture(scope="module")
def mask(address):
    with triton.InferenceServerClient(address) as client:
        return client.infer(MODEL, [image()], outputs=WANTED).as_numpy("MASK")


def test_requests_of_a_stream_are_answered_in_order(client, mask):
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for name in "abc":
        client.async_stream_infer(MODEL, [image()], outputs=WANTED, request_id=name)
    client.async_stream_infer("spleen", [image()], request_id="unknown")
    client.async_stream_infer(MODEL, [image()], outputs=WANTED, request_id="last")
    for name in "a", "b", "c", None, "last":
        result, error = answers.get(timeout=120)
        if name is None:
            assert error.message().startswith("Request for unknown model"), error
            continue
        assert error is None
        response = result.get_response()
        assert response.id == name
        assert response.parameters["triton_final_response"].bool_param
        assert np.array_equal(result.as_numpy("MASK"), mask)
    client.stop_stream()
    assert answers.empty()


def test_calls_at_once_are_all_answered(client, mask):
    answers = queue.Queue()
    for _ in range(3):
        client.async_infer(MODEL, [image()], lambda result, error: answers.put((result, error)), outputs=WANTED)
    for _ in range(3):
        result, error = answers.get(timeout=120)
        assert error is None
        assert np.array_equal(result.as_numpy("MASK"), mask)
