"""MONAI's side of transforms_bench: runs chains of MONAI transforms on .npy files and says how long they take.

One JSON object per line in, one per line out:
  {"about": true}                                            -> versions, threads, allocator
  {"files": [...], "chains": [[...], ...], "input": {...}, "seconds": s} -> {"ms": best time of all chains, one per file}
A chain is a list of {"transform": name, parameters...}; "input" says how MONAI gets the data (see bench_case.h).
"""
import argparse
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

WARM_UPS = 1
FEWEST, MOST = 2, 20  # repeats


def about():
    maps = Path("/proc/self/maps").read_text()
    return {"monai": monai.__version__, "torch": torch.__version__, "threads": torch.get_num_threads(),
            "jemalloc": "libjemalloc" in maps}


def foreground_box(image):
    return transforms.CropForeground().compute_bounding_box(image)


def free_network(channels):
    """A network that costs nothing: it answers with what it answered before."""
    answers = {}

    def network(windows):
        count = windows.shape[0]
        if count not in answers:
            answers[count] = torch.rand(count, channels, *windows.shape[2:])
        return answers[count]

    return network


def blend_windows(channels, **parameters):
    inferer, network = SlidingWindowInferer(**parameters), free_network(channels)
    return lambda image: inferer(image[None], network)[0]


def spleen_bundle(channels, **parameters):
    inferer, network = SlidingWindowInferer(**parameters), free_network(channels)
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


def resample_to(affine, size):
    """What Invertd does to undo Spacing."""
    back = transforms.SpatialResample()
    return lambda image: back(image, dst_affine=torch.tensor(affine, dtype=torch.float64), spatial_size=size)


OWN = {"foreground_box": lambda: foreground_box, "blend_windows": blend_windows, "spleen_bundle": spleen_bundle, "SpatialResampleTo": resample_to}


def made(link):
    parameters = dict(link)
    name = parameters.pop("transform")
    if name == "CastToType":
        parameters["dtype"] = getattr(torch, parameters["dtype"])
    return OWN[name](**parameters) if name in OWN else getattr(transforms, name)(**parameters)


def loaded(file, how):
    tensor = torch.from_numpy(np.load(file)).to(getattr(torch, how.get("dtype", "float32")))
    if how.get("layout") == "channels_last":
        tensor = tensor.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2)
    affine = how.get("affine")
    return MetaTensor(tensor, affine=torch.eye(4, dtype=torch.float64) if affine is None else torch.tensor(affine, dtype=torch.float64))


def time_of(chain, image, seconds):
    """The best time in seconds."""
    steps = [made(link) for link in chain]
    in_place = chain[0]["transform"] in ("KeepLargestConnectedComponent", "FillHoles")
    best, spent, runs = float("inf"), 0.0, 0
    while runs < WARM_UPS + FEWEST or (spent < seconds and runs < WARM_UPS + MOST):
        value = image.clone() if in_place else image
        start = time.perf_counter()
        for step in steps:
            value = step(value)
        took = time.perf_counter() - start
        del value
        runs += 1
        if runs > WARM_UPS:
            best, spent = min(best, took), spent + took
    return best


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
        print(json.dumps(result), file=answers, flush=True)


if __name__ == "__main__":
    main()
