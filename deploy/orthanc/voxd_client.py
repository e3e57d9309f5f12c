"""One DICOM series through a running voxd: the Segment call of proto/voxd/v1/segmentation.proto.

segmentation_pb2 is what protoc makes of that file.
"""
import dataclasses
import pathlib
import threading
import time

import grpc

import segmentation_pb2 as voxd

CHUNK_BYTES = 1 << 20
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
LONGEST_PUSHBACK_MS = 3_600_000
KINDS = {voxd.Result.DICOM_SEG: "seg", voxd.Result.DICOM_RTSTRUCT: "rtstruct"}


class Refused(Exception):
    """The server will not segment this series, however often it is asked; or it could not be asked in time."""


class Stopped(Exception):
    """stop() was called."""


@dataclasses.dataclass
class File:
    """One file of a series; its bytes are read when their turn comes."""
    size: int
    read: object  # () -> bytes


@dataclasses.dataclass
class Outcome:
    results: dict  # "seg", "rtstruct" to the bytes of a DICOM file; without those that there is nothing for
    warnings: list
    model_version: str


class Client:
    """Calls to one server. Used by one thread at a time, but stop() comes from any."""

    def __init__(self, address, credentials=None, give_up_after_s=3600.0, name="orthanc"):
        options = [("grpc.max_receive_message_length", 8 << 20)]
        self._channel = grpc.secure_channel(address, credentials, options) if credentials else grpc.insecure_channel(address, options)
        self._segment = self._channel.stream_stream("/voxd.v1.Segmentation/Segment", voxd.SegmentRequest.SerializeToString,
                                                    voxd.SegmentEvent.FromString)
        self._metadata = [("x-voxd-client", name)]
        self._give_up_after_s = give_up_after_s
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._call = None  # the one under way; guarded by _lock

    def segment(self, model, files, outputs):
        """The outcome of one series. Asks again when the server says, or later and later where none answers. Throws Refused, Stopped."""
        until = time.monotonic() + self._give_up_after_s
        own_wait_s = FIRST_WAIT_S
        while True:
            try:
                return self._segment_once(model, files, outputs, until - time.monotonic())
            except grpc.RpcError as error:
                if self._stopped.is_set():
                    raise Stopped from error
                reason = f"{error.code().name}: {error.details()}"
                wait_s = pushback_s(error)
                if wait_s is None:
                    if error.code() != grpc.StatusCode.UNAVAILABLE:
                        raise Refused(reason) from error
                    wait_s, own_wait_s = own_wait_s, min(2 * own_wait_s, LONGEST_WAIT_S)
                if time.monotonic() + wait_s >= until:
                    raise Refused(f"given up after {self._give_up_after_s:g} s: {reason}") from error
            if self._stopped.wait(wait_s):
                raise Stopped

    def stop(self):
        """Ends the call under way, and every later one."""
        self._stopped.set()
        with self._lock:
            if self._call is not None:
                self._call.cancel()

    def _segment_once(self, model, files, outputs, timeout_s):
        accepted, ended = threading.Event(), threading.Event()
        call = self._begin(requests(model, files, outputs, accepted, ended), timeout_s)
        try:
            return collect(call, accepted)
        finally:
            ended.set()
            accepted.set()  # whoever waits to upload need not any more
            with self._lock:
                self._call = None

    def _begin(self, messages, timeout_s):
        with self._lock:
            if self._stopped.is_set():
                raise Stopped
            self._call = self._segment(messages, metadata=self._metadata, timeout=timeout_s)
            return self._call


def credentials(settings):
    """Of the files that Ca, Key and Certificate name, for TLS; None without Ca."""
    if "Ca" not in settings:
        return None
    pem = {name: pathlib.Path(settings[name]).read_bytes() for name in ("Ca", "Key", "Certificate") if name in settings}
    return grpc.ssl_channel_credentials(pem["Ca"], pem.get("Key"), pem.get("Certificate"))


def requests(model, files, outputs, accepted, ended):
    """What is sent: nothing of the files before the server has said that it takes them."""
    parts = [voxd.Part(id=str(i), format="dicom", byte_size=file.size) for i, file in enumerate(files)]
    options = voxd.Options(dicom_seg="seg" in outputs, dicom_rtstruct="rtstruct" in outputs, omit_mask=True)
    yield voxd.SegmentRequest(open=voxd.Open(model=model, parts=parts, options=options))
    accepted.wait()
    for part, file in zip(parts, files):
        if ended.is_set():
            return
        data = file.read()
        for offset in range(0, len(data), CHUNK_BYTES):
            yield voxd.SegmentRequest(chunk=voxd.Chunk(part_id=part.id, offset=offset, data=data[offset:offset + CHUNK_BYTES]))


def collect(call, accepted):
    kinds, pieces, summary = [], [], None
    for event in call:
        which = event.WhichOneof("message")
        if which == "accepted":
            accepted.set()
        elif which == "result_header":
            kinds = [KINDS.get(result.kind) for result in event.result_header.results]
            pieces = [bytearray() for _ in kinds]
        elif which == "result_chunk":
            pieces[event.result_chunk.result] += event.result_chunk.data
        elif which == "summary":
            summary = event.summary
    if summary is None:
        raise Refused("the server ended the call without a summary")
    results = {kind: bytes(piece) for kind, piece in zip(kinds, pieces) if kind is not None}
    return Outcome(results, list(summary.warnings), summary.model_version)


def pushback_s(error):
    """In how many seconds the server wants to be asked again, which only one that has not begun to work says; else None."""
    if error.code() not in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE):
        return None
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-retry-pushback-ms" and value.isdecimal() and int(value) <= LONGEST_PUSHBACK_MS:
            return int(value) / 1000
    return None
