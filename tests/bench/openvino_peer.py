"""Runs a TorchScript network in OpenVINO for network_bench: says "ready", then for each line the milliseconds of a run."""

import argparse
import sys
import time

import numpy
import openvino
import torch


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", required=True)
    parser.add_argument("--precision", choices=["f32", "bf16"], required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--channels", type=int, required=True)
    parser.add_argument("--size", type=int, nargs=3, required=True)
    wanted = parser.parse_args()

    shape = [1, wanted.channels, *wanted.size]
    network = torch.jit.load(wanted.file, map_location="cpu").eval()
    model = openvino.convert_model(network, example_input=torch.zeros(shape), input=shape)
    settings = {
        "INFERENCE_PRECISION_HINT": wanted.precision,
        "INFERENCE_NUM_THREADS": wanted.threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    voxels = numpy.random.default_rng(1).uniform(-1, 1, shape).astype(numpy.float32)
    request.infer([voxels])
    print(f"ready OpenVINO {openvino.get_version()}", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        request.infer([voxels], share_inputs=True, share_outputs=True)
        print((time.perf_counter() - start) * 1000, flush=True)


main()
