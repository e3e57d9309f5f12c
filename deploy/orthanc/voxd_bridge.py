"""Orthanc plugin: a series that has come in whole is segmented by voxd, and the results are stored beside it.

README.md says how it is set up. What is done when:
  STABLE_SERIES   an empty file that names the series is put into the folder of pending series, and queued
  a thread        takes them one after the other: rule, call, results into Orthanc, a note on the series, file removed
  start           what is pending is queued again: nothing is lost when Orthanc stops meanwhile
The thread, not the callback, calls Orthanc: a callback that does so can block Orthanc for good.
"""
import json
import pathlib
import queue
import threading
import time

import orthanc

import voxd_client
from voxd_rules import digest_of, read_rules, rule_for

# Metadata of the source series; numbers from 1024 on are the user's.
DONE, FAILED = 4660, 4661
TEXTS = ("Address", "Ca", "Certificate", "Key", "PendingFolder")
SETTINGS = (*TEXTS, "GiveUpAfterSeconds", "Rules")


class Gone(Exception):
    """The series is not in Orthanc any more."""


class Bridge:
    """Series in, results out. The queue is filled from Orthanc's callbacks and emptied by one thread."""

    def __init__(self, settings):
        check(settings)
        self._rules = read_rules(settings.get("Rules"))
        self._client = voxd_client.Client(settings.get("Address", "127.0.0.1:8001"), voxd_client.credentials(settings),
                                          settings.get("GiveUpAfterSeconds", 3600))
        self._pending = pathlib.Path(settings["PendingFolder"])
        self._pending.mkdir(parents=True, exist_ok=True)
        self._queue = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="voxd-bridge")

    def start(self):
        for file in sorted(self._pending.iterdir()):
            self._queue.put(file.name)
        self._thread.start()

    def stop(self):
        self._client.stop()
        self._queue.put(None)
        self._thread.join()

    def series_is_stable(self, series):
        # One file for each time, so that what comes while the series is handled is not taken for handled.
        name = f"{series}.{time.time_ns()}"
        (self._pending / name).touch()
        self._queue.put(name)

    def _work(self):
        while (name := self._queue.get()) is not None:
            series = name.partition(".")[0]
            try:
                said = self._handle(series)
            except voxd_client.Stopped:
                return  # still pending
            except Gone:
                said = "deleted meanwhile"
            except voxd_client.Refused as error:
                said = f"not segmented: {error}"
            except Exception as error:  # one series must not end the bridge
                orthanc.LogError(f"voxd: series {series}: {error!r}; will be tried again when Orthanc starts")
                continue
            (self._pending / name).unlink(missing_ok=True)
            orthanc.LogWarning(f"voxd: series {series}: {said}")

    def _handle(self, series):
        """What is to be said of the series in the log."""
        rule = rule_for(self._rules, get(f"/series/{series}/shared-tags?simplify"))
        if rule is None:
            return "no rule for it"
        instances = sorted(instance["ID"] for instance in get(f"/series/{series}/instances"))
        digest = digest_of(rule, instances)
        if metadata(series, DONE).startswith(digest):
            return "segmented before"
        try:
            outcome = self._client.segment(rule.model, [file_of(instance) for instance in instances], rule.outputs)
        except voxd_client.Refused as error:
            orthanc.RestApiPut(f"/series/{series}/metadata/{FAILED}", str(error)[:1000])
            raise
        for result in outcome.results.values():
            orthanc.RestApiPost("/instances", result)
        results = " ".join(outcome.results) or "nothing"
        orthanc.RestApiPut(f"/series/{series}/metadata/{DONE}", f"{digest} {rule.model} {outcome.model_version} {results}")
        if metadata(series, FAILED):
            orthanc.RestApiDelete(f"/series/{series}/metadata/{FAILED}")
        return "; ".join([f"{rule.model} {outcome.model_version}: {results}", *outcome.warnings])


def check(settings):
    """The settings but for the rules. Throws ValueError."""
    for name, value in settings.items():
        if name not in SETTINGS:
            raise ValueError(f"Voxd: unknown {name!r}; known are {', '.join(SETTINGS)}")
        if name in TEXTS and not (isinstance(value, str) and value):
            raise ValueError(f"Voxd.{name}: {value!r}, expected a text")
    if "PendingFolder" not in settings:
        raise ValueError("Voxd.PendingFolder: missing")
    seconds = settings.get("GiveUpAfterSeconds", 1)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds <= 0:
        raise ValueError(f"Voxd.GiveUpAfterSeconds: {seconds!r}, expected more than 0")
    if ("Key" in settings) != ("Certificate" in settings) or ("Key" in settings and "Ca" not in settings):
        raise ValueError("Voxd: Key and Certificate come together, and with Ca")


def get(uri):
    try:
        return json.loads(orthanc.RestApiGet(uri))
    except orthanc.OrthancException as error:
        if error.args and error.args[0] == orthanc.ErrorCode.UNKNOWN_RESOURCE:
            raise Gone from error
        raise


def metadata(series, number):
    """Text of the series' metadata of that number, "" where it has none."""
    if str(number) not in get(f"/series/{series}/metadata"):
        return ""
    return orthanc.RestApiGet(f"/series/{series}/metadata/{number}").decode()


def file_of(instance):
    size = int(get(f"/instances/{instance}")["FileSize"])
    return voxd_client.File(size, lambda: orthanc.GetDicomForInstance(instance))


BRIDGE = Bridge(json.loads(orthanc.GetConfiguration()).get("Voxd", {}))


def on_change(change, _level, resource):
    if change == orthanc.ChangeType.ORTHANC_STARTED:
        BRIDGE.start()
    elif change == orthanc.ChangeType.ORTHANC_STOPPED:
        BRIDGE.stop()
    elif change == orthanc.ChangeType.STABLE_SERIES:
        BRIDGE.series_is_stable(resource)


orthanc.RegisterOnChangeCallback(on_change)
