# venv: tritonclient-new
"""The client of Orthanc's bridge, against a server that does as it is told: when it sends, when it comes again, when not."""
import concurrent.futures
import subprocess
import sys
import threading
import time

import grpc
import pytest

from support import ROOT, free_port, issue_certificate, wait_until

PUSHBACK_S = 0.3


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """voxd_client and segmentation_pb2, laid out as deploy/orthanc/README.md says."""
    folder = tmp_path_factory.mktemp("plugin")
    subprocess.run(["protoc", "-I", ROOT / "proto/voxd/v1", f"--python_out={folder}", "segmentation.proto"], check=True)
    sys.path[:0] = [str(folder), str(ROOT / "deploy/orthanc")]
    try:
        import segmentation_pb2
        import voxd_client
        yield voxd_client, segmentation_pb2
    finally:
        del sys.path[:2]


class Told:
    """A server that answers call n as answers[n] does: a function (requests, context) -> events; the last one goes on."""

    def __init__(self, voxd, *answers, credentials=None):
        self._answers = answers
        self.calls = []  # per call when it came, and the chunks that it brought
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        handler = grpc.stream_stream_rpc_method_handler(self._segment, voxd.SegmentRequest.FromString, voxd.SegmentEvent.SerializeToString)
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("voxd.v1.Segmentation", {"Segment": handler})])
        address = "127.0.0.1:0"
        self.port = self._server.add_secure_port(address, credentials) if credentials else self._server.add_insecure_port(address)
        self._server.start()

    def _segment(self, requests, context):
        call = {"at": time.monotonic(), "chunks": []}
        self.calls.append(call)
        answer = self._answers[min(len(self.calls), len(self._answers)) - 1]
        call["open"] = next(requests).open
        yield from answer(call, requests, context)

    def stop(self):
        self._server.stop(None).wait()


@pytest.fixture
def told(modules):
    servers = []

    def start(*answers, give_up_after_s=60, credentials=None):
        servers.append(Told(modules[1], *answers, credentials=credentials))
        return servers[-1], modules[0].Client(f"127.0.0.1:{servers[-1].port}", give_up_after_s=give_up_after_s)

    yield start
    for server in servers:
        server.stop()


def refuse(code, pushback_ms=None):
    def answer(_call, _requests, context):
        if pushback_ms is not None:
            context.set_trailing_metadata([("grpc-retry-pushback-ms", str(pushback_ms))])
        context.abort(code, "queue is full")
        yield  # a generator, as gRPC wants it

    return answer


@pytest.fixture
def segment(modules):
    voxd = modules[1]

    def answer(call, requests, _context):
        yield voxd.SegmentEvent(accepted=voxd.Accepted(max_chunk_bytes=3 << 20))
        call["chunks"] = [request.chunk for request in requests]
        results = [voxd.Result(kind=voxd.Result.DICOM_SEG, byte_size=4), voxd.Result(kind=voxd.Result.DICOM_RTSTRUCT, byte_size=2)]
        yield voxd.SegmentEvent(result_header=voxd.ResultHeader(results=results))
        for result, offset, data in [(0, 0, b"se"), (0, 2, b"g!"), (1, 0, b"rt")]:
            yield voxd.SegmentEvent(result_chunk=voxd.ResultChunk(result=result, offset=offset, data=data))
        yield voxd.SegmentEvent(summary=voxd.Summary(model_version="3", warnings=["left out 1 localizer"]))

    return answer


@pytest.fixture
def files(modules):
    contents = [bytes(range(256)) * 6000, b"small"]  # the first one is 1.5 MB: two chunks
    return contents, [modules[0].File(len(content), lambda content=content: content) for content in contents]


def test_files_come_whole_and_results_go_whole(told, segment, files):
    server, client = told(segment)
    outcome = client.segment("m", files[1], ["seg", "rtstruct"])
    assert outcome.results == {"seg": b"seg!", "rtstruct": b"rt"}
    assert (outcome.model_version, outcome.warnings) == ("3", ["left out 1 localizer"])
    [call] = server.calls
    assert [part.byte_size for part in call["open"].parts] == [len(content) for content in files[0]]
    assert call["open"].options.dicom_seg and call["open"].options.dicom_rtstruct and call["open"].options.omit_mask
    for part, content in zip(call["open"].parts, files[0]):
        chunks = [chunk for chunk in call["chunks"] if chunk.part_id == part.id]
        assert b"".join(chunk.data for chunk in chunks) == content
        assert [chunk.offset for chunk in chunks] == list(range(0, len(content), 1 << 20))


def test_a_full_server_is_asked_again_when_it_said_and_no_file_is_read_before(told, modules, segment):
    full = refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, int(PUSHBACK_S * 1000))
    server, client = told(full, full, segment)
    reads = []
    file = modules[0].File(5, lambda: reads.append(time.monotonic()) or b"small")
    assert client.segment("m", [file], ["seg"]).results["seg"] == b"seg!"
    times = [call["at"] for call in server.calls]
    assert len(times) == 3 and all(later - earlier >= PUSHBACK_S for earlier, later in zip(times, times[1:]))
    assert len(reads) == 1 and reads[0] > times[2]


@pytest.mark.parametrize("code, pushback_ms", [
    (grpc.StatusCode.INVALID_ARGUMENT, None),
    (grpc.StatusCode.NOT_FOUND, 1),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, None),  # it began to work, and can never have what it needs
    (grpc.StatusCode.RESOURCE_EXHAUSTED, "-1"),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, "soon"),
])
def test_what_no_other_try_mends_is_refused_at_once(told, modules, files, code, pushback_ms):
    server, client = told(refuse(code, pushback_ms))
    with pytest.raises(modules[0].Refused, match=f"{code.name}: queue is full"):
        client.segment("m", files[1], ["seg"])
    assert len(server.calls) == 1


def test_a_server_that_is_not_there_is_given_up_in_time(modules, files):
    client = modules[0].Client(f"127.0.0.1:{free_port()}", give_up_after_s=0.5)
    with pytest.raises(modules[0].Refused, match="given up after 0.5 s: UNAVAILABLE"):
        client.segment("m", files[1], ["seg"])


def test_stopping_ends_the_wait_for_a_full_server(told, modules, files):
    server, client = told(refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, 3_000_000), give_up_after_s=1e6)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.segment, "m", files[1], ["seg"])
        wait_until(lambda: server.calls, "the server is asked")
        client.stop()
        with pytest.raises(modules[0].Stopped):
            call.result(timeout=60)


def test_stopping_ends_a_call_under_way(told, modules, files):
    under_way, let_go = threading.Event(), threading.Event()

    def hang(_call, _requests, context):
        context.add_callback(let_go.set)
        under_way.set()
        let_go.wait(60)
        yield from ()

    _, client = told(hang)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.segment, "m", files[1], ["seg"])
        assert under_way.wait(60)
        client.stop()
        with pytest.raises(modules[0].Stopped):
            call.result(timeout=60)


def test_over_tls_each_side_proves_who_it_is(told, modules, segment, files, tmp_path):
    for name in ("authority", "server", "gateway", "another"):
        issue_certificate(tmp_path, name, "authority" if name in ("server", "gateway") else None)
    pem = {file: (tmp_path / file).read_bytes() for file in ("server.key", "server.crt", "authority.crt")}
    server, _ = told(segment, credentials=grpc.ssl_server_credentials(
        [(pem["server.key"], pem["server.crt"])], root_certificates=pem["authority.crt"], require_client_auth=True))

    def client(ca, name=None):
        settings = {"Ca": str(tmp_path / f"{ca}.crt")}
        if name:
            settings.update(Certificate=str(tmp_path / f"{name}.crt"), Key=str(tmp_path / f"{name}.key"))
        return modules[0].Client(f"127.0.0.1:{server.port}", modules[0].credentials(settings), give_up_after_s=1)

    assert client("authority", "gateway").segment("m", files[1], ["seg"]).results["seg"] == b"seg!"
    for wrong in (client("authority"), client("authority", "another"), client("another", "gateway")):
        with pytest.raises(modules[0].Refused, match="UNAVAILABLE"):
            wrong.segment("m", files[1], ["seg"])
    assert len(server.calls) == 1
    assert modules[0].credentials({}) is None
