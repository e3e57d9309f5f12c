"""Milliseconds of tritonclient for one volume: transport_python.py grpc|http PORT RUNS prints the median, copy into the tensor included."""
import statistics
import sys
import time

import numpy

protocol, port, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
if protocol == "http":
    import tritonclient.http as triton
else:
    import tritonclient.grpc as triton

volume = numpy.ones((1, 512, 512, 114), numpy.float32)
client = triton.InferenceServerClient(f"127.0.0.1:{port}")
times = []
for run in range(runs + 2):
    start = time.perf_counter()
    tensor = triton.InferInput("INPUT0", list(volume.shape), "FP32")
    tensor.set_data_from_numpy(volume)
    answer = client.infer("labels", [tensor])
    assert answer.as_numpy("MASK").any() and answer.as_numpy("CONTOUR").any()
    if run >= 2:
        times.append((time.perf_counter() - start) * 1000)
print(statistics.median(times))
