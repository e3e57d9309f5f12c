"""What voxd is raced against: the chain of spleen_seg as a careful Python user would serve it. MONAI's transforms and a TorchScript network
behind the KServe gRPC protocol, one request at a time as a Python backend with one instance works.

    service.py --network model.ts [--threads 2] [--mask FP32|UINT8] [--tuned]

INPUT0 (FP32 or INT16, [1,X,Y,Z]) -> MASK, CONTOUR ([1,1,224,224,224]), raw or through system shared memory. The port is printed when it is
ready. --tuned: frozen network in channels_last_3d and bfloat16; start it with jemalloc and passive OpenMP for the strongest peer.
The reply's parameter "stage_ms" says what each step took.
"""
import argparse
import json
import mmap
import os
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import torch
from monai.transforms import AsDiscrete, CropForeground, EnsureType, KeepLargestConnectedComponent, LabelToContour, Resize, ScaleIntensityRange
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc import service_pb2_grpc as services

MODEL, GRID = "spleen_seg", 224
NUMPY = {"FP32": np.float32, "INT16": np.int16, "UINT8": np.uint8}
OUTPUTS = ("MASK", "CONTOUR")


class Chain:
    def __init__(self, file, tuned):
        network = torch.jit.load(file).eval()
        if tuned:
            network = torch.jit.freeze(network.to(torch.bfloat16).to(memory_format=torch.channels_last_3d))
        self.network, self.tuned = network, tuned
        self.pre = [EnsureType(), ScaleIntensityRange(-57, 164, 0.0, 1.0, clip=True), CropForeground(), Resize((GRID,) * 3, mode="area")]
        self.post = [AsDiscrete(argmax=True), KeepLargestConnectedComponent(applied_labels=[1])]
        self.contour = LabelToContour()

    @torch.inference_mode()
    def run(self, volume):
        times, start = {}, time.perf_counter()

        def lap(stage):
            nonlocal start
            now = time.perf_counter()
            times[stage], start = 1000 * (now - start), now

        image = torch.as_tensor(volume).float()
        for step in self.pre:
            image = step(image)
        lap("pre")
        scores = torch.as_tensor(image)[None]
        if self.tuned:
            scores = scores.bfloat16().contiguous(memory_format=torch.channels_last_3d)
        mask = self.network(scores)[0].float()
        lap("network")
        for step in self.post:
            mask = step(mask)
        contour = self.contour(mask)
        lap("post")
        return {"MASK": np.asarray(mask), "CONTOUR": np.asarray(contour)}, times


class Service(services.GRPCInferenceServiceServicer):
    def __init__(self, chain, datatype):
        self.chain, self.datatype, self.one_at_a_time, self.regions = chain, datatype, threading.Lock(), {}

    def ServerReady(self, request, context):
        return messages.ServerReadyResponse(ready=True)

    def SystemSharedMemoryRegister(self, request, context):
        file = os.open("/dev/shm/" + os.path.basename(request.key), os.O_RDWR)
        try:
            self.regions[request.name] = memoryview(mmap.mmap(file, request.offset + request.byte_size))[request.offset :]
        finally:
            os.close(file)
        return messages.SystemSharedMemoryRegisterResponse()

    def SystemSharedMemoryUnregister(self, request, context):
        self.regions.pop(request.name, None)
        return messages.SystemSharedMemoryUnregisterResponse()

    def shared(self, tensor):
        """The part of a region that a tensor names, None if it names none."""
        if "shared_memory_region" not in tensor.parameters:
            return None
        start = tensor.parameters["shared_memory_offset"].int64_param
        return self.regions[tensor.parameters["shared_memory_region"].string_param][
            start : start + tensor.parameters["shared_memory_byte_size"].int64_param]

    def ModelInfer(self, request, context):
        try:
            return self.infer(request)
        except Exception as fault:  # whatever it is, the client is told and the service goes on
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{type(fault).__name__}: {fault}")

    def infer(self, request):
        tensor = request.inputs[0]
        shared = self.shared(tensor)
        raw = request.raw_input_contents[0] if shared is None else shared
        volume = np.frombuffer(raw, NUMPY[tensor.datatype]).reshape(tensor.shape)
        with self.one_at_a_time:
            results, times = self.chain.run(volume)
        reply = messages.ModelInferResponse(model_name=MODEL, model_version="1", id=request.id)
        reply.parameters["stage_ms"].string_param = json.dumps(times)
        targets = {output.name: self.shared(output) for output in request.outputs}
        for name in OUTPUTS:
            result = results[name].astype(NUMPY[self.datatype], copy=False)[None]
            reply.outputs.add(name=name, datatype=self.datatype, shape=result.shape)
            if targets.get(name) is None:
                reply.raw_output_contents.append(result.tobytes())
            else:
                np.frombuffer(targets[name], result.dtype)[: result.size] = result.reshape(-1)
        return reply


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mask", default="FP32", choices=["FP32", "UINT8"], help="MONAI makes FP32")
    parser.add_argument("--tuned", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(8), options=unlimited)
    services.add_GRPCInferenceServiceServicer_to_server(Service(Chain(options.network, options.tuned), options.mask), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
