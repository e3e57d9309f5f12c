"""voxd and the Python service of service.py on the same synthetic patient, network and cores, one request after the other by turns.

    race.py [--rows A B C] [--bf16] [--requests 5] [--clients 4] [--seed 7] [--out FOLDER]

A   both through Python's tritonclient, FP32 both ways over gRPC
B   INT16 there, UINT8 back, both through system shared memory
C   as B, the peer with jemalloc on huge pages, passive OpenMP, channels_last and bfloat16; voxd with bfloat16
Prints two lines that move while it runs, then a table: milliseconds from array to arrays (medians), per stage, ratio, voxels that differ,
requests per second of several clients. FOLDER gets race.json, race.md and race.svg, a recording. `scripts/race` sets all of it up.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import tritonclient.grpc as client
import tritonclient.utils.shared_memory as shared_memory

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path += [str(ROOT / "models/export"), str(ROOT / "tests/interop")]
from live import Lines  # noqa: E402
from phantom import make_phantom  # noqa: E402
from support import ZOO, Server  # noqa: E402

NETWORK = ZOO / "spleen_seg/models/model.ts"
OUTPUTS = ("MASK", "CONTOUR")
GRID = (1, 1, 224, 224, 224)
STRONG = {"LD_PRELOAD": "libjemalloc.so.2", "MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always", "OMP_WAIT_POLICY": "PASSIVE"}
ROWS = {
    "A": dict(title="FP32 over gRPC, Python client on both sides", wire="FP32", shared=False, peer=[], env={}, precision="fp32"),
    "B": dict(title="INT16 in, UINT8 out, both through shared memory", wire="INT16", shared=True, peer=["--mask", "UINT8"], env={}, precision="fp32"),
    "C": dict(title="as B; peer tuned, both in bfloat16", wire="INT16", shared=True, peer=["--mask", "UINT8", "--tuned"], env=STRONG, precision="bf16"),
}
NUMPY = {"FP32": np.float32, "INT16": np.int16}


class Peer:
    """service.py as a process; `port` once it is ready."""

    def __init__(self, row, log):
        self.process = subprocess.Popen([sys.executable, HERE / "service.py", "--network", NETWORK, *row["peer"]], stdout=subprocess.PIPE,
                                        stderr=open(log, "w"), text=True, env={**os.environ, **row["env"]})
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the peer did not start: {Path(log).read_text()[-500:]}")
        self.address = f"127.0.0.1:{int(line)}"

    def stop(self):
        self.process.kill()
        self.process.wait()


def voxd_of(row, precision, folder):
    """voxd serving spleen_seg as it is, or a copy of it in another precision."""
    options = ("--shm", "system") if row["shared"] else ()
    if precision == "fp32":
        return Server(folder, "spleen_seg", options=options)
    bundle = folder / "zoo/spleen_seg"
    shutil.copytree(ZOO / "spleen_seg", bundle)
    file = bundle / "configs/serving.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "precision": precision}))
    return Server(folder, "spleen_seg", repository=bundle.parent, options=options)


class Racer:
    """One client with a volume in memory, and where it wants the answer."""

    def __init__(self, address, volume, wire, shared, name):
        self.client, self.volume, self.shared, self.regions = client.InferenceServerClient(address), volume, shared, []
        self.input = client.InferInput("INPUT0", volume.shape, wire)
        self.outputs = [client.InferRequestedOutput(output) for output in OUTPUTS]
        if shared:
            self.input.set_shared_memory(self.region(f"{name}_in", volume.nbytes), volume.nbytes)
            size = int(np.prod(GRID))
            for output in self.outputs:
                output.set_shared_memory(self.region(f"{name}_{output.name()}", size), size)

    def region(self, name, size):
        name = f"voxd_race_{os.getpid()}_{name}"
        self.regions.append((name, shared_memory.create_shared_memory_region(name, "/" + name, size)))
        self.client.register_system_shared_memory(name, "/" + name, size)
        return name

    def once(self):
        """Milliseconds from array to arrays, the server's own times, the arrays."""
        start = time.perf_counter()
        if self.shared:
            shared_memory.set_shared_memory_region(self.regions[0][1], [self.volume])
        else:
            self.input.set_data_from_numpy(self.volume)
        reply = self.client.infer("spleen_seg", [self.input], outputs=self.outputs)
        if self.shared:
            arrays = [shared_memory.get_contents_as_numpy(handle, np.uint8, GRID) for _, handle in self.regions[1:]]
        else:
            arrays = [reply.as_numpy(name) for name in OUTPUTS]
        ms = 1000 * (time.perf_counter() - start)
        return ms, json.loads(reply.get_response().parameters["stage_ms"].string_param), [array.reshape(GRID) != 0 for array in arrays]

    def close(self):
        for name, handle in self.regions:
            self.client.unregister_system_shared_memory(name)
            shared_memory.destroy_shared_memory_region(handle)
        self.client.close()


def alternate(sides, requests, lines):
    """Each side once to warm up, then by turns. Returns per side milliseconds, stages and the last answer."""
    seen = {name: dict(ms=[], stages=[], arrays=None) for name in sides}
    for n in range(requests + 1):
        for name, racer in sides.items():
            with lines.running(name):
                ms, stages, arrays = racer.once()
            seen[name]["arrays"] = arrays
            if n > 0:
                seen[name]["ms"].append(ms)
                seen[name]["stages"].append(stages)
                lines.done(name, n, requests, statistics.median(seen[name]["ms"]))
    return seen


def throughput(make, clients, each):
    """Requests per second of several clients at once."""
    team = [make(f"t{n}") for n in range(clients)]
    faults = []

    def work(racer):
        try:
            for _ in range(each):
                racer.once()
        except Exception as fault:  # told after the threads have ended
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(racer,)) for racer in team]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    for racer in team:
        racer.close()
    if faults:
        raise faults[0]
    return clients * each / seconds


def dice(a, b):
    return float(2 * (a & b).sum() / max(1, a.sum() + b.sum()))


def stages_of(seen):
    """Medians of what the servers say; the rest is transport, conversion and the client itself."""
    told = {stage: statistics.median(stages.get(stage, 0.0) for stages in seen["stages"]) for stage in ("pre", "network", "post")}
    return {**told, "rest": statistics.median(seen["ms"]) - sum(told.values())}


def run_row(letter, options, hu, folder, lines):
    row = ROWS[letter]
    volume = np.ascontiguousarray(hu[None].astype(NUMPY[row["wire"]]))
    precision = "bf16" if options.bf16 else row["precision"]
    title = row["title"] + ("; voxd in bfloat16" if precision != row["precision"] else "")
    lines.start(f"{letter}: {title}")
    with ExitStack() as stack:
        peer = Peer(row, folder / "peer.log")
        stack.callback(peer.stop)
        voxd = voxd_of(row, precision, folder)
        stack.callback(voxd.stop)
        makers = {"peer": lambda name: Racer(peer.address, volume, row["wire"], row["shared"], name),
                  "voxd": lambda name: Racer(voxd.address, volume, row["wire"], row["shared"], name)}
        sides = {side: make(side) for side, make in makers.items()}
        seen = alternate(sides, options.requests, lines)
        for racer in sides.values():
            racer.close()
        rates = {side: throughput(make, options.clients, 2) for side, make in makers.items()} if options.clients else {}
    theirs, ours = seen["peer"]["arrays"], seen["voxd"]["arrays"]
    result = {"row": letter, "title": title, "ms": {side: statistics.median(seen[side]["ms"]) for side in seen},
              "range": {side: [min(seen[side]["ms"]), max(seen[side]["ms"])] for side in seen},
              "stages": {side: stages_of(seen[side]) for side in seen}, "per_second": rates,
              "differing": {name: int((a != b).sum()) for name, a, b in zip(OUTPUTS, theirs, ours)}, "dice": dice(theirs[0], ours[0]),
              "mask_voxels": int(ours[0].sum())}
    result["ratio"] = result["ms"]["peer"] / result["ms"]["voxd"]
    lines.leave(summary(result))
    return result


def summary(result):
    text = f"      {result['ratio']:.1f}x; {result['differing']['MASK']} of {int(np.prod(GRID))} voxels of the mask differ"
    rates = result["per_second"]
    return text + (f"; several clients at once: {rates['voxd'] / rates['peer']:.1f}x" if rates else "")


def table(results, options):
    text = ["| | peer ms | voxd ms | ratio | pre, network, post, rest: peer | voxd | voxels that differ | Dice |", "|---|---|---|---|---|---|---|---|"]
    for r in results:
        stages = [", ".join(f"{ms:.0f}" for ms in r["stages"][side].values()) for side in ("peer", "voxd")]
        text.append(f"| {r['row']}: {r['title']} | {r['ms']['peer']:.0f} | {r['ms']['voxd']:.0f} | **{r['ratio']:.1f}x** | {stages[0]} | {stages[1]} "
                    f"| mask {r['differing']['MASK']}, contour {r['differing']['CONTOUR']} | {r['dice']:.6f} |")
    if options.clients:
        text += ["", f"| {options.clients} clients at once | peer per minute | voxd per minute | ratio |", "|---|---|---|---|"]
        text += [f"| {r['row']} | {60 * r['per_second']['peer']:.1f} | {60 * r['per_second']['voxd']:.1f} "
                 f"| **{r['per_second']['voxd'] / r['per_second']['peer']:.1f}x** |" for r in results]
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=sorted(ROWS), default=sorted(ROWS))
    parser.add_argument("--bf16", action="store_true", help="voxd in bfloat16 in rows A and B, too; the peer stays as it is")
    parser.add_argument("--requests", type=int, default=5, help="of each side, one after the other; default 5")
    parser.add_argument("--clients", type=int, default=4, help="at once, for the throughput; 0: not measured; default 4")
    parser.add_argument("--seed", type=int, default=7, help="of the patient")
    parser.add_argument("--shape", type=int, nargs=3, default=(512, 512, 114), help="voxels; default 512 512 114")
    parser.add_argument("--out", type=Path, help="folder for race.json, race.md and race.svg")
    options = parser.parse_args()
    if options.requests < 1:
        parser.error("--requests: at least 1")
    hu, _, _ = make_phantom(options.seed, tuple(options.shape), tuple(s * n / m for s, n, m in zip((0.79, 0.79, 5.0), (512, 512, 114), options.shape)))
    lines, results = Lines(sys.stdout, ("peer", "voxd")), []
    for letter in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            results.append(run_row(letter, options, hu, Path(folder), lines))
    text = table(results, options)
    print(f"\n{text}")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "race.json").write_text(json.dumps(results, indent=1) + "\n")
        (options.out / "race.md").write_text(text + "\n")
        (options.out / "race.svg").write_text(lines.recording.svg())


if __name__ == "__main__":
    main()
