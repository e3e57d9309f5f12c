# venv: monai
"""Transforms on random volumes in MONAI and, through golden_runner, in voxd: what the golden cases are too few or too small for."""
import json
import subprocess
import warnings

import numpy as np
import pytest
import torch
from monai import transforms
from monai.data import MetaTensor

from support import BIN

warnings.filterwarnings("ignore")


class Index:
    """Cases in golden_runner's format, made by MONAI."""

    def __init__(self, folder):
        self.folder, self.cases = folder, []

    def add(self, name, params, image, affine=None, atol=0.0, tie=False):
        case_id = f"{len(self.cases):03d}_{name}"
        tensor = MetaTensor(torch.from_numpy(image.copy()), affine=None if affine is None else torch.from_numpy(affine))
        result = getattr(transforms, name)(**params)(tensor)
        self.cases.append({
            "id": case_id, "transform": name, "params": params, "atol": atol, "tie": tie,
            "input": self.entry(f"{case_id}_in.npy", image, affine),
            "output": self.entry(f"{case_id}.npy", result.detach().cpu().numpy(), None if affine is None else result.affine.numpy()),
        })

    def entry(self, file, array, affine):
        np.save(self.folder / file, np.ascontiguousarray(array))
        entry = {"file": file, "shape": list(array.shape), "stored": str(array.dtype), "dtype": str(array.dtype)}
        return entry if affine is None else {**entry, "affine": affine.tolist()}

    def check(self):
        (self.folder / "index.json").write_text(json.dumps({"cases": self.cases}))
        run = subprocess.run([BIN / "golden_runner", "--golden", self.folder, "--require", ",".join(case["id"] for case in self.cases)],
                             capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        assert f"total {len(self.cases)} 0 0 0".split() == run.stdout.strip().splitlines()[-1].split(), run.stdout


@pytest.fixture
def index(tmp_path):
    return Index(tmp_path)


@pytest.fixture
def random():
    return np.random.default_rng(20261)


def intensities(random, shape, scale=300):
    return (random.standard_normal(shape) * scale).astype(np.float32)


def affine(random):
    result = np.eye(4)
    result[:3, :3] = np.eye(3)[random.permutation(3)] * random.choice([-1, 1], 3) * random.uniform(0.5, 3, 3)
    result[:3, :3] += random.standard_normal((3, 3)) * random.choice([0, 0.1])
    result[:3, 3] = random.standard_normal(3) * 50
    return result


# MONAI takes torch.quantile up to a million elements and numpy.percentile beyond: shapes on both sides of it.
@pytest.mark.parametrize("shape", [(1, 20, 21, 22), (2, 17, 5, 9), (1, 1, 1, 1), (1, 1, 1, 2), (1, 100, 100, 100), (1, 100, 100, 101), (2, 90, 80, 70)])
def test_scaling_by_percentiles_is_monais_bit_for_bit(index, random, shape):
    for lower, upper in [(0.5, 99.5), (0, 100), (33.3, 66.6), (10, 10)]:
        air = np.maximum(intensities(random, shape), 0)
        whole = np.round(intensities(random, shape))
        for image in (intensities(random, shape), air, whole):
            params = {"lower": lower, "upper": upper, "b_min": 0.0, "b_max": 1.0, "clip": True}
            index.add("ScaleIntensityRangePercentiles", params, image)
    params = {"lower": 2, "upper": 97.5, "b_min": -1.0, "b_max": 3.0}
    index.add("ScaleIntensityRangePercentiles", {**params, "relative": True}, intensities(random, shape))
    index.add("ScaleIntensityRangePercentiles", {**params, "channel_wise": True, "clip": True}, intensities(random, shape))
    index.check()


def test_percentiles_of_special_values_are_monais(index, random):
    params = {"lower": 1, "upper": 99, "b_min": 0.25, "b_max": 1.0, "clip": True}
    for special in ([np.nan], [np.inf, -np.inf], [np.inf, np.nan]):
        image = intensities(random, (1, 9, 8, 7))
        image[0, 1, 2, :len(special)] = special
        index.add("ScaleIntensityRangePercentiles", params, image)
    index.add("ScaleIntensityRangePercentiles", params, np.full((1, 5, 5, 5), 3, np.float32))
    index.check()


@pytest.mark.parametrize("mode", ["area", "trilinear", "nearest", "nearest-exact"])
def test_resizing_is_torchs_bit_for_bit(index, random, mode):
    for _ in range(12):
        image = intensities(random, (int(random.integers(1, 4)), *random.integers(1, 60, 3)))
        index.add("Resize", {"spatial_size": random.integers(1, 80, 3).tolist(), "mode": mode}, image, affine(random))
    for n_in in (7, 100, 114, 217, 306, 512, 699, 700, 1000):
        for n_out in (3, 96, 160, 224, 225, 256, 270):
            index.add("Resize", {"spatial_size": [2, 3, n_out], "mode": mode}, intensities(random, (1, 1, 2, n_in)))
    index.check()


def test_orientations_are_monais(index, random):
    ends = np.array([list("LR"), list("PA"), list("IS")])
    for _ in range(30):
        axcodes = "".join(ends[random.permutation(3), random.integers(0, 2, 3)])
        image = intensities(random, (2, *random.integers(1, 60, 3)))
        index.add("Orientation", {"axcodes": axcodes, "labels": None}, image, affine(random))
    index.check()


def test_crops_are_monais(index, random):
    for _ in range(30):
        shape = (int(random.integers(1, 4)), *map(int, random.integers(1, 40, 3)))
        image = -np.abs(intensities(random, shape))
        image[(random.integers(shape[0]), *(slice(low, low + 9) for low in random.integers(0, shape[1:])))] += 2000
        params = {"margin": random.integers(0, 9, 3).tolist(), "k_divisible": random.integers(0, 9, 3).tolist(),
                  "allow_smaller": bool(random.integers(2)), "mode": "constant", "value": float(random.integers(-3, 3))}
        index.add("CropForeground", params, image, affine(random))
    index.check()


PAD_MODES = ["constant", "edge", "replicate", "reflect", "symmetric", "wrap", "circular", "minimum", "maximum"]


def widest_pad(mode, size):
    """What a mode can pad an axis by: torch's reflect no more than there is, others as often as asked."""
    return size - 1 if mode == "reflect" else 2 * size + 3


@pytest.mark.parametrize("mode", PAD_MODES)
@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8])
def test_pads_are_monais(index, random, mode, dtype):
    for _ in range(8):
        shape = (int(random.integers(1, 4)), *map(int, random.integers(1, 12, 3)))
        image = intensities(random, shape) if dtype == np.float32 else random.integers(0, 99, shape).astype(dtype)
        value = {"value": float(random.integers(0, 9))} if mode == "constant" else {}
        method = str(random.choice(["symmetric", "end"]))
        most = [widest_pad(mode, n) for n in shape[1:]]
        border = [int(random.integers(0, m + 1)) for m in most for _ in range(2)]
        # Half of a pad may fall on either side, so that a whole one must fit.
        size = [int(random.choice([-1, n + random.integers(0, m + 1)])) for n, m in zip(shape[1:], most)]
        k = [int(random.choice([0, n + random.integers(0, m + 1)])) for n, m in zip(shape[1:], most)]
        index.add("BorderPad", {"spatial_border": border, "mode": mode, **value}, image, affine(random))
        index.add("SpatialPad", {"spatial_size": size, "method": method, "mode": mode, **value}, image, affine(random))
        index.add("DivisiblePad", {"k": k, "method": method, "mode": mode, **value}, image, affine(random))
    index.check()


@pytest.mark.parametrize("mode", PAD_MODES)
def test_crops_pad_with_what_they_hold(index, random, mode):
    for _ in range(12):
        shape = (int(random.integers(1, 4)), *map(int, random.integers(8, 20, 3)))
        image = -np.abs(intensities(random, shape))
        image[(0, *(slice(low, low + 6) for low in random.integers(0, 3, 3)))] += 2000
        if random.integers(3) == 0:
            image[(0, *(n - 1 for n in shape[1:]))] = np.nan
        # At most as far beyond the image as reflect can pad.
        params = {"margin": random.integers(0, 4, 3).tolist(), "k_divisible": random.integers(0, 4, 3).tolist(), "mode": mode}
        index.add("CropForeground", params, image, affine(random))
    index.check()


def test_anti_aliasing_is_monais(index, random):
    for _ in range(40):
        image = random.random((int(random.integers(1, 4)), *random.integers(1, 60, 3))).astype(np.float32)
        sigma = [None, float(random.uniform(0, 3)), random.uniform(0, 2, 3).tolist()][random.integers(3)]
        params = {"spatial_size": random.integers(1, 40, 3).tolist(), "mode": str(random.choice(["area", "trilinear", "nearest"])),
                  "anti_aliasing": True, "anti_aliasing_sigma": sigma}
        index.add("Resize", params, image, affine(random), atol=1e-5)
    for special in (np.nan, np.inf):
        image = random.random((1, 12, 12, 12)).astype(np.float32)
        image[0, 6, 6, 6] = special
        for size in ([5, 12, 30], [12, 12, 11]):
            index.add("Resize", {"spatial_size": size, "anti_aliasing": True}, image, atol=1e-5)
    index.check()


def test_labels_are_cleaned_and_outlined_as_in_monai(index, random):
    for _ in range(30):
        shape = (1, *map(int, random.integers(1, 90, 3)))
        labels = random.integers(0, 4, shape) * (random.random(shape) > random.choice([0.5, 0.8, 0.95]))
        image = labels.astype(np.float32)
        params = {"applied_labels": None if random.integers(2) else [1, 3], "independent": bool(random.integers(2)),
                  "connectivity": int(random.integers(1, 4)), "num_components": int(random.integers(1, 4))}
        # Specks of equal size abound, and which of them MONAI keeps is undefined.
        index.add("KeepLargestConnectedComponent", params, image, tie=True)
        index.add("LabelToContour", {}, image)
        index.add("LabelToContour", {}, (image > 0).astype(np.float32))
    index.check()
