# venv: tritonclient-new
"""Under load: the same input gives the same bits whatever runs beside it, and a queue that is full says so and loses nothing."""
import os
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from support import body_phantom, http, wait_until

REQUESTS = int(os.environ.get("VOXD_TEST_REQUESTS", "12"))


def volumes():
    """Of several sizes and contents."""
    sizes = [(32, 32, 32), (48, 40, 33), (64, 64, 40), (40, 56, 24), (33, 47, 61)]
    return [np.roll(body_phantom(size), 3 * i, i % 3).astype(np.float32)[None] for i, size in enumerate(sizes)]


def infer(client, volume):
    tensor = triton.InferInput("image", list(volume.shape), "FP32")
    tensor.set_data_from_numpy(volume)
    response = client.infer("spleen", [tensor]).get_response()
    return tuple(bytes(content) for content in response.raw_output_contents)


def test_the_same_input_gives_the_same_bits_whatever_the_load(start_server, spleen_repository):
    server = start_server(repository=spleen_repository, options=["--workers", "2"])
    inputs = volumes()
    order = [i % len(inputs) for i in range(REQUESTS)]
    random.shuffle(order)
    answers = {}
    with triton.InferenceServerClient(server.address) as client:
        for concurrent in (1, 8, 3):
            with ThreadPoolExecutor(concurrent) as pool:
                share = order[:REQUESTS // 3] if concurrent == 1 else order
                for index, answer in zip(share, pool.map(lambda i: infer(client, inputs[i]), share)):
                    answers.setdefault(index, set()).add(answer)
    assert len(answers) == len(inputs) and all(len(different) == 1 for different in answers.values())


def test_ten_times_the_load_is_refused_in_time_and_what_is_taken_is_answered(start_server, spleen_repository):
    server = start_server(repository=spleen_repository, options=["--metrics-address", "127.0.0.1:0", "--queue-jobs", "4", "--client-share", "1"])
    volume = volumes()[0]
    refusals = []

    def ask(_):
        with triton.InferenceServerClient(server.address) as client:
            try:
                return infer(client, volume)
            except InferenceServerException as error:
                refusals.append(error)
                return None

    with ThreadPoolExecutor(40) as pool:
        answers = {answer for answer in pool.map(ask, range(REQUESTS + 40)) if answer}
    assert len(answers) == 1, "all that were answered are right, and some were"
    assert refusals and all(error.status() == "StatusCode.RESOURCE_EXHAUSTED" for error in refusals)
    wait_until(lambda: "voxd_calls_in_flight 0" in http(server, "/metrics")[1], "nothing is in flight any more")
