# venv: tritonclient-new
"""What a server does with all that it can take, and with ten times as much.

VOXD_LOAD_SECONDS=180 measures for that long and holds the server to its bounds, on a machine that has nothing else to do; a few seconds show
that nothing breaks.
"""
import asyncio
import os
import random
import resource
import time
from collections import Counter

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from support import body_phantom, gauge, wait_until

SECONDS = float(os.environ.get("VOXD_LOAD_SECONDS", "3"))
MEASURED = SECONDS >= 30
OVERLOAD = 10
HTTP = ["--metrics-address", "127.0.0.1:0"]
PUSHBACK = "grpc-retry-pushback-ms"


@pytest.fixture
def server(start_server, spleen_repository):
    """Every request takes the same work, whatever the image's size: the network's input has one size."""
    return start_server(repository=spleen_repository, options=[*HTTP, "--workers", str(len(os.sched_getaffinity(0))), "--queue-jobs", "8",
                                                               "--client-share", "1"])


def request():
    volume = body_phantom((32, 32, 32)).astype("float32")
    message = service_pb2.ModelInferRequest(model_name="spleen")
    message.inputs.add(name="image", datatype="FP32", shape=[1, *volume.shape])
    message.raw_input_contents.append(volume.tobytes())
    return message


class Load:
    """Sends one request again and again, and counts what comes of it."""

    def __init__(self, server):
        self.server = server
        self.request = request()
        self.answers, self.refused, self.without_pushback, self.others = 0, 0, 0, Counter()
        self.latencies = []

    async def one(self, stub):
        begin = time.monotonic()
        try:
            await stub.ModelInfer(self.request, metadata=(("x-volume-bytes", str(len(self.request.raw_input_contents[0]))),))
            self.answers += 1
            self.latencies.append(time.monotonic() - begin)
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.RESOURCE_EXHAUSTED:
                self.others[error.code()] += 1
                return
            self.refused += 1
            pushback = dict(error.trailing_metadata() or ()).get(PUSHBACK, "")
            self.without_pushback += not (pushback.isdigit() and int(pushback) > 0)

    def channel(self):
        return grpc.aio.insecure_channel(self.server.address, options=[("grpc.enable_retries", 0), ("grpc.max_receive_message_length", -1)])

    async def clients(self, count, seconds):
        """So many clients, each with one request at a time. Answers per second."""
        end = time.monotonic() + seconds

        async def client(stub):
            while time.monotonic() < end:
                await self.one(stub)

        async with self.channel() as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            begin, before = time.monotonic(), self.answers
            await asyncio.gather(*(client(stub) for _ in range(count)))
            return (self.answers - before) / (time.monotonic() - begin)

    async def arrivals(self, per_second, seconds, memory):
        """Requests that come at random times, whether others are answered or not. Answers per second; `memory` is asked every second."""
        async with self.channel() as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            begin, before, tasks, looked = time.monotonic(), self.answers, set(), 0.0
            next_arrival = begin
            while (now := time.monotonic()) < begin + seconds:
                if now - looked >= 1:
                    memory()
                    looked = now
                if now >= next_arrival:
                    task = asyncio.ensure_future(self.one(stub))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                    next_arrival += random.expovariate(per_second)
                else:
                    await asyncio.sleep(min(next_arrival - now, 0.05))
            answered = self.answers - before
            await asyncio.gather(*tasks)
            return answered / seconds


def resident_mib(server):
    with open(f"/proc/{server.process.pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def processor_seconds(server):
    with open(f"/proc/{server.process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_goodput_and_memory_hold_under_ten_times_the_load(server):
    load = Load(server)
    asyncio.run(load.clients(2 * os.cpu_count(), max(1, SECONDS / 20)))  # warm
    peak = asyncio.run(load.clients(2 * os.cpu_count(), max(2, SECONDS / 4)))
    samples = []
    goodput = asyncio.run(load.arrivals(OVERLOAD * peak, SECONDS, lambda: samples.append(resident_mib(server))))
    print(f"peak {peak:.2f} answers a second; {OVERLOAD} times that offered for {SECONDS:.0f} s: {goodput:.2f} a second ({goodput / peak:.1%}), "
          f"{load.refused} refused; resident MiB {samples[0]:.0f} at first, {max(samples):.0f} at most, {samples[-1]:.0f} at last")
    assert not load.others and load.refused > 0 and load.without_pushback == 0
    wait_until(lambda: gauge(server, "voxd_calls_in_flight") == 0, "nothing is in flight any more")
    if MEASURED:
        assert goodput >= 0.95 * peak
        settled = samples[len(samples) // 4:]
        assert max(settled) - min(settled) < 0.05 * max(settled), "memory is flat"


def test_eight_clients_get_what_the_cores_can_give(server):
    load = Load(server)
    asyncio.run(load.clients(2, 1))

    def work():
        own = resource.getrusage(resource.RUSAGE_SELF)
        return processor_seconds(server) + own.ru_utime + own.ru_stime

    before, answers = work(), load.answers
    asyncio.run(load.clients(1, max(2, SECONDS / 4)))
    one = (work() - before) / (load.answers - answers)
    ceiling = len(os.sched_getaffinity(0)) / one
    load.latencies.clear()
    throughput = asyncio.run(load.clients(8, max(2, SECONDS / 3)))
    print(f"one request: {one:.3f} core-seconds, client included; {throughput:.2f} answers a second for 8 clients, {throughput / ceiling:.1%} of "
          f"{ceiling:.2f}; half within {sorted(load.latencies)[len(load.latencies) // 2]:.2f} s")
    assert not load.others and load.refused == 0
    if MEASURED:
        assert throughput >= 0.9 * ceiling
