"""MONAI's side of transforms_bench: runs chains of MONAI transforms on .npy files and says how long they take.

One JSON object per line in, one per line out:
  {"about": true}                                            -> versions, threads, allocator
  {"files": [...], "chains": [[...], ...], "input": {...}, "seconds": s} -> {"ms": best time of all chains, one per file}
A chain is a list of {"transform": name, parameters...}; "input" says how MONAI gets the data (see bench_case.h).
"""
import argparse
import ctypes
import gc
import json
import sys
import time
import warnings
from pathlib import Path

import monai
import numpy as np
import torch
from monai import transforms
from monai.data import MetaTensor
from monai.inferers import SlidingWindowInferer

warnings.filterwarnings("ignore")

FEWEST = 2  # repeats, however long they take


def about():
    maps = Path("/proc/self/maps").read_text()
    return {"monai": monai.__version__, "torch": torch.__version__, "threads": torch.get_num_threads(),
            "jemalloc": "libjemalloc" in maps}


def foreground_box(image):
    return transforms.CropForeground().compute_bounding_box(image)


class FreeNetwork:
    """A network that costs nothing. MONAI multiplies the answer by the weights in place, so that the same memory given
    again would hold ever smaller values, slow denormals and then zeros: it is filled anew each time. What that takes is
    added to `seconds`, to be taken off."""

    seconds = 0.0

    def __init__(self, channels):
        self.channels = channels
        self.answers = {}

    def __call__(self, windows):
        start = time.perf_counter()
        count = windows.shape[0]
        if count not in self.answers:
            fresh = torch.rand(count, self.channels, *windows.shape[2:])
            self.answers[count] = fresh, torch.empty_like(fresh)
        fresh, answer = self.answers[count]
        answer.copy_(fresh)
        FreeNetwork.seconds += time.perf_counter() - start
        return answer


def blend_windows(channels, **parameters):
    inferer, network = SlidingWindowInferer(**parameters), FreeNetwork(channels)
    return lambda image: inferer(image[None], network)[0]


def spleen_bundle(channels, **parameters):
    inferer, network = SlidingWindowInferer(**parameters), FreeNetwork(channels)
    pre = transforms.Compose([
        transforms.Orientationd(keys="image", axcodes="RAS", labels=None),
        transforms.Spacingd(keys="image", pixdim=[1.5, 1.5, 2.0], mode="bilinear"),
        transforms.ScaleIntensityRanged(keys="image", a_min=-57, a_max=164, b_min=0.0, b_max=1.0, clip=True),
    ])
    post = transforms.Compose([
        transforms.Activationsd(keys="pred", softmax=True),
        transforms.Invertd(keys="pred", transform=pre, orig_keys="image", nearest_interp=False, to_tensor=True),
        transforms.AsDiscreted(keys="pred", argmax=True),
    ])

    def run(image):
        data = pre({"image": image})
        data["pred"] = inferer(data["image"][None], network)[0]
        return post(data)["pred"]

    return run


def resample_to(affine, size, mode="bilinear"):
    """What Invertd does to undo Spacing."""
    back = transforms.SpatialResample(mode=mode)
    return lambda image: back(image, dst_affine=torch.tensor(affine, dtype=torch.float64), spatial_size=size)


OWN = {"foreground_box": lambda: foreground_box, "blend_windows": blend_windows, "spleen_bundle": spleen_bundle,
       "SpatialResampleTo": resample_to}


def made(link):
    parameters = dict(link)
    name = parameters.pop("transform")
    if name == "CastToType":
        parameters["dtype"] = getattr(torch, parameters["dtype"])
    return OWN[name](**parameters) if name in OWN else getattr(transforms, name)(**parameters)


def loaded(file, how):
    tensor = torch.from_numpy(np.load(file))
    if tensor.dtype == torch.uint8:
        tensor = tensor.float()  # labels, which are float32 in MONAI
    if how.get("layout") == "channels_last":
        tensor = tensor.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2)
    affine = how.get("affine")
    return MetaTensor(tensor, affine=torch.eye(4, dtype=torch.float64) if affine is None else torch.tensor(affine, dtype=torch.float64))


def run(steps, image):
    """What the steps make of the image, as a tensor with voxels of its own: SpatialCrop and Orientation return a view of
    their input, which costs nothing and has to be copied by whoever reads it."""
    value = image
    for step in steps:
        value = step(value)
    return value.contiguous() if isinstance(value, torch.Tensor) else value


def overwrites(steps, image):
    """Whether the steps change the image that they are given, as NormalizeIntensity and KeepLargestConnectedComponent do."""
    given = image.clone()
    run(steps, given)
    return not torch.equal(given.as_tensor(), image.as_tensor())


def time_of(chain, image, seconds):
    """The best time in seconds, of as many repeats as fit into the given ones."""
    steps = [made(link) for link in chain]
    in_place = overwrites(steps, image)  # which is the warm-up, too
    best, spent, runs = float("inf"), 0.0, 0
    while runs < FEWEST or spent < seconds:
        given = image.clone() if in_place else image
        FreeNetwork.seconds = 0.0
        start = time.perf_counter()
        value = run(steps, given)
        took = time.perf_counter() - start - FreeNetwork.seconds
        del value
        best, spent, runs = min(best, took), spent + took, runs + 1
    return best


def give_memory_back():
    """What one case left behind would be missing in the next: two peers and the bench share the machine."""
    gc.collect()
    process = ctypes.CDLL(None)
    if about()["jemalloc"]:
        every_arena = 4096
        process.mallctl(f"arena.{every_arena}.purge".encode(), None, None, None, ctypes.c_size_t(0))
    else:
        process.malloc_trim(ctypes.c_size_t(0))


def answer(question):
    if "about" in question:
        return about()
    seconds = 0.0
    for chain, file in zip(question["chains"], question["files"], strict=True):
        seconds += time_of(chain, loaded(file, question["input"]), question["seconds"])
    return {"ms": 1000 * seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, required=True)
    torch.set_num_threads(parser.parse_args().threads)
    answers, sys.stdout = sys.stdout, sys.stderr  # what a transform prints is no answer
    for line in sys.stdin:
        try:
            result = answer(json.loads(line))
        except Exception as error:  # whatever MONAI throws is the answer
            result = {"error": f"{type(error).__name__}: {error}"}
        give_memory_back()
        print(json.dumps(result), file=answers, flush=True)


if __name__ == "__main__":
    main()
