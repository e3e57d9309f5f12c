# venv: tritonclient-new tritonclient-old
"""An unmodified tritonclient hands volumes over in system shared memory and finds the results there."""
import os
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException

from support import body_phantom

MODEL = "spleen_seg"
GRID = (1, 1, 224, 224, 224)
OUTPUTS = ("MASK", "CONTOUR")


@pytest.fixture(scope="module")
def server(start_module_server):
    return start_module_server(MODEL, options=("--shm", "system"))


@pytest.fixture(scope="module")
def client(server):
    with triton.InferenceServerClient(server.address) as client:
        yield client


def key_of(name):
    return f"/voxd_interop_{os.getpid()}_{name}"


@contextmanager
def region(client, name, size):
    """Memory of this process, known to the server under its name."""
    handle = shm.create_shared_memory_region(name, key_of(name), size)
    try:
        client.register_system_shared_memory(name, key_of(name), size)
        yield handle
    finally:
        client.unregister_system_shared_memory(name)
        shm.destroy_shared_memory_region(handle)


def volume():
    return np.ascontiguousarray(body_phantom()[None])


def shared_input(image, offset=0):
    tensor = triton.InferInput("INPUT0", list(image.shape), "INT16")
    tensor.set_shared_memory("volume", image.nbytes, offset)
    return tensor


def sent_input(image):
    tensor = triton.InferInput("INPUT0", list(image.shape), "INT16")
    tensor.set_data_from_numpy(image)
    return tensor


@pytest.fixture(scope="module")
def answer(client):
    """What the volume gives when it is sent."""
    reply = client.infer(MODEL, [sent_input(volume())])
    return {name: reply.as_numpy(name) for name in OUTPUTS}


def test_the_server_says_that_it_takes_shared_memory(client):
    assert "system_shared_memory" in client.get_server_metadata().extensions


def test_volume_and_results_in_shared_memory_are_those_of_a_volume_that_is_sent(client, answer):
    image, size = volume(), int(np.prod(GRID))
    with ExitStack() as stack:
        memory = stack.enter_context(region(client, "volume", image.nbytes + 64))
        results = stack.enter_context(region(client, "results", 2 * size))
        shm.set_shared_memory_region(memory, [np.zeros(64, np.uint8), image])
        wanted = [triton.InferRequestedOutput(name) for name in OUTPUTS]
        for place, output in enumerate(wanted):
            output.set_shared_memory("results", size, place * size)
        for _ in range(2):
            reply = client.infer(MODEL, [shared_input(image, 64)], outputs=wanted, request_id="shared")
            response = reply.get_response()
            assert response.id == "shared"
            assert [len(raw) for raw in response.raw_output_contents] == [0, 0]
            found = shm.get_contents_as_numpy(results, np.uint8, (2, *GRID))
            for place, output in enumerate(response.outputs):
                assert (output.name, output.datatype, tuple(output.shape)) == (OUTPUTS[place], "UINT8", GRID)
                assert np.array_equal(found[place], answer[output.name])


def test_results_of_a_shared_volume_may_come_with_the_reply(client, answer):
    image = volume()
    with region(client, "volume", image.nbytes) as memory:
        shm.set_shared_memory_region(memory, [image])
        reply = client.infer(MODEL, [shared_input(image)], outputs=[triton.InferRequestedOutput("MASK")])
        assert np.array_equal(reply.as_numpy("MASK"), answer["MASK"])


def test_status_lists_what_is_registered_until_it_is_not(client):
    with region(client, "a", 100), region(client, "b", 200):
        regions = client.get_system_shared_memory_status().regions
        assert {name: (r.key, r.offset, r.byte_size) for name, r in regions.items()} == {
            "a": (key_of("a"), 0, 100), "b": (key_of("b"), 0, 200)}
        assert list(client.get_system_shared_memory_status("a").regions) == ["a"]
        client.unregister_system_shared_memory()
        assert not client.get_system_shared_memory_status().regions
    assert not client.get_cuda_shared_memory_status().regions


def refusal(act):
    with pytest.raises(InferenceServerException) as caught:
        act()
    return caught.value.status(), caught.value.message()


def test_what_cannot_be_registered_is_refused_in_tritons_words(client):
    code, text = refusal(lambda: client.register_system_shared_memory("x", key_of("nothing"), 10))
    assert code == "StatusCode.INTERNAL" and text.startswith("Unable to open shared memory region")
    with region(client, "a", 100):
        code, text = refusal(lambda: client.register_system_shared_memory("a", key_of("a"), 100))
        assert code == "StatusCode.ALREADY_EXISTS" and "already in manager" in text
        code, text = refusal(lambda: client.register_system_shared_memory("b", key_of("a"), 1 << 20))
        assert code == "StatusCode.INVALID_ARGUMENT" and text.startswith("Invalid offset")
    code, text = refusal(lambda: client.infer(MODEL, [shared_input(volume())]))
    assert code == "StatusCode.NOT_FOUND" and text.startswith("Unable to find shared memory region")
    code, text = refusal(lambda: client.register_cuda_shared_memory("x", b"0" * 64, 0, 10))
    assert code == "StatusCode.UNIMPLEMENTED" and text.startswith("Client shared memory is disabled")


def test_a_server_that_was_not_told_to_takes_none(start_server):
    with triton.InferenceServerClient(start_server(MODEL).address) as client:
        assert "system_shared_memory" not in client.get_server_metadata().extensions
        code, text = refusal(lambda: client.register_system_shared_memory("x", key_of("x"), 10))
    assert code == "StatusCode.UNIMPLEMENTED" and text.startswith("Client shared memory is disabled")
