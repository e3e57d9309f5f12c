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
from monai.data.utils import compute_importance_map
from monai.inferers import SlidingWindowInferer

from support import BIN

warnings.filterwarnings("ignore")


class Index:
    """Cases in golden_runner's format, made by MONAI."""

    def __init__(self, folder):
        self.folder, self.cases = folder, []

    def add(self, name, params, image, affine=None, atol=0.0, tie=False):
        case_id = f"{len(self.cases):03d}_{name}"
        tensor = MetaTensor(torch.from_numpy(image.copy()), affine=None if affine is None else torch.from_numpy(affine))
        python_params = {key: getattr(torch, value) if key == "dtype" else value for key, value in params.items()}
        result = getattr(transforms, name)(**python_params)(tensor)
        self.cases.append({
            "id": case_id, "transform": name, "params": params, "atol": atol, "tie": tie,
            "input": self.entry(f"{case_id}_in.npy", image, affine),
            "output": self.entry(f"{case_id}.npy", result.detach().cpu().numpy(), None if affine is None else result.affine.numpy()),
        })

    def add_spacing(self, params, image, affine, atol=1e-6):
        """Where nearest is a toss-up between voxels, either is right: such positions get a mask."""
        self.add("Spacing", params, image, affine, atol)
        case = self.cases[-1]
        shape, into = case["output"]["shape"], np.linalg.solve(affine, np.array(case["output"]["affine"]))
        if params.get("mode") == "nearest":
            index = np.stack(np.meshgrid(*map(np.arange, shape[1:]), indexing="ij"), -1)
            away = np.abs((index @ into[:3, :3].T + into[:3, 3]) % 1 - 0.5)
            ties = np.broadcast_to((away < 1e-6).any(-1), shape).astype(np.uint8)
            case["ties"] = self.entry(f"{case['id']}_ties.npy", ties, None)

    def add_inverse(self, chain, image, affine, pred, nearest_interp, atol=1e-6):
        """A chain of dictionary transforms; `pred` makes class scores for the shape that it ends on."""
        case_id = f"{len(self.cases):03d}_Invert"
        own = [(link["transform"], {key: value for key, value in link.items() if key != "transform"}) for link in chain]
        forward = transforms.Compose([getattr(transforms, f"{name}d")(keys="image", **params) for name, params in own])
        data = forward({"image": MetaTensor(torch.from_numpy(image), affine=torch.from_numpy(affine))})
        scores = pred(tuple(data["image"].shape[1:]))
        invert = transforms.Invertd(keys="pred", transform=forward, orig_keys="image", nearest_interp=nearest_interp)
        back = invert({**data, "pred": MetaTensor(torch.from_numpy(scores))})["pred"]
        labels = transforms.AsDiscrete(argmax=True)(back)
        self.cases.append({
            "id": case_id, "transform": "Invert", "params": {"chain": chain, "nearest_interp": nearest_interp}, "atol": atol,
            "input": self.entry(f"{case_id}_in.npy", image, affine),
            "forward": self.entry(f"{case_id}_forward.npy", data["image"].numpy(), data["image"].affine.numpy()),
            "pred": self.entry(f"{case_id}_pred.npy", scores, None),
            "output": self.entry(f"{case_id}.npy", back.numpy(), back.affine.numpy()),
            "argmax": self.entry(f"{case_id}_argmax.npy", labels.numpy(), back.affine.numpy()),
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


def turned(random, spacing):
    """Voxels of this spacing, at right angles, turned somehow."""
    result = np.eye(4)
    angles, _ = np.linalg.qr(np.eye(3)[random.permutation(3)] + 0.3 * random.standard_normal((3, 3)))
    result[:3, :3] = angles * spacing
    result[:3, 3] = random.standard_normal(3) * 50
    return result


def some_affine(random, spacing):
    """Along the patient's axes, turned, or with a shear."""
    kind = random.integers(3)
    result = turned(random, spacing)
    if kind == 0:
        result[:3, :3] = np.eye(3)[random.permutation(3)] * random.choice([-1, 1], 3) * spacing
    elif kind == 1:
        result[:3, :3] += 0.05 * random.standard_normal((3, 3))
    return result


def test_spacing_is_monais(index, random):
    for _ in range(120):
        image = intensities(random, (int(random.integers(1, 3)), *random.integers(4, 24, 3)), scale=1)
        params = {"pixdim": random.uniform(0.6, 4, 3).tolist(), "mode": str(random.choice(["bilinear", "nearest"])),
                  "padding_mode": str(random.choice(["border", "zeros", "reflection"])), "align_corners": bool(random.integers(2)),
                  "diagonal": bool(random.integers(3) == 0), "scale_extent": bool(random.integers(4) == 0)}
        index.add_spacing(params, image, some_affine(random, random.uniform(0.6, 4, 3)))
    index.check()


def test_spacing_keeps_axes_as_monai_does(index, random):
    for _ in range(40):
        image = intensities(random, (1, *random.integers(4, 16, 3)), scale=1)
        spacing = random.uniform(0.6, 4, 3)
        pixdim = spacing + random.choice([0, 9e-4, -9e-4, 1.1e-3, 2e-3, 3e-3, 1], 3)
        low = random.uniform(0.2, 2, random.integers(0, 4))
        params = {"pixdim": (pixdim * random.choice([1, 1, 1, -1], 3)).tolist()}
        if low.size > 0:
            params.update({"min_pixdim": low.tolist(), "max_pixdim": (low + random.uniform(0, 3, low.size)).tolist()})
        index.add_spacing(params, image, some_affine(random, spacing))
    index.check()


def test_sizes_that_come_out_at_half_a_voxel_are_rounded_as_in_monai(index, random):
    ties = 0
    for _ in range(250):
        spacing = random.choice([0.3, 0.5, 0.7, 0.75, 0.79, 0.9, 1, 1.25, 1.5, 2, 2.5, 3, 5], 3)
        pixdim = spacing / random.choice([0.2, 0.4, 0.5, 0.75, 1.5, 2, 2.5], 3)
        image = intensities(random, (1, *random.integers(2, 14, 3)), scale=1)
        exact = (np.array(image.shape[1:]) - 1) * spacing / pixdim
        ties += int((np.abs(exact % 1 - 0.5) < 1e-9).sum())
        # MONAI's last bit decides, and it is LAPACK's: the same on the same kind of CPU.
        index.add_spacing({"pixdim": pixdim.tolist()}, image, turned(random, spacing) if random.integers(2) else some_affine(random, spacing))
    assert ties > 50
    index.check()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float64])
def test_spacing_of_any_type_is_monais_float32(index, random, dtype):
    for _ in range(4):
        image = random.integers(0, 200, (2, *random.integers(4, 20, 3))).astype(dtype)
        for mode in ("bilinear", "nearest"):
            params = {"pixdim": random.uniform(0.6, 4, 3).tolist(), "mode": mode}
            index.add_spacing(params, image, some_affine(random, random.uniform(0.6, 4, 3)), atol=2e-5)
    index.check()


def test_spacing_of_a_ct_is_monais(index, random):
    image = np.round(intensities(random, (1, 130, 120, 30)))
    straight = np.diag([-0.79, -0.79, 5, 1])
    for affine in (straight, some_affine(random, np.array([0.79, 0.79, 5]))):
        for pixdim in ([1.5, 1.5, 2], [0.6, 0.7, 8], [1, 1, 1]):
            # Float64 rounded once on both sides: where they differ, it is in the last bit.
            index.add_spacing({"pixdim": pixdim}, image, affine, atol=1.3e-4)
    index.check()


def test_inverting_is_monais(index, random):
    for round_ in range(40):
        image = intensities(random, (1, *random.integers(6, 24, 3)), scale=1)
        spacing = {"transform": "Spacing", "pixdim": random.uniform(0.8, 3, 3).tolist(), "mode": str(random.choice(["bilinear", "bilinear", "nearest"])),
                   "padding_mode": str(random.choice(["border", "border", "zeros", "reflection"])), "align_corners": bool(random.integers(2))}
        chain = [spacing, {"transform": "Orientation", "axcodes": str(random.choice(["RAS", "LPS", "SRA", "PIL"])), "labels": None}]
        if random.integers(2):
            chain.reverse()
        if random.integers(2):
            chain.append({"transform": "Resize", "spatial_size": random.integers(5, 20, 3).tolist(), "mode": str(random.choice(["area", "trilinear"]))})
        scores = lambda shape: random.random((int(random.integers(2, 5)), *shape), np.float32)
        nearest_interp = bool(round_ % 4 == 0)
        # With shear the middles of the grids meet, and the middle of an odd number of voxels lies half-way between an even
        # number of them: a whole plane of toss-ups for nearest.
        any_shear = spacing["mode"] == "bilinear" and not nearest_interp
        affine = (some_affine if any_shear else turned)(random, random.uniform(0.8, 3, 3))
        index.add_inverse(chain, image, affine, scores, nearest_interp)
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


def test_scaling_to_a_range_is_monais_bit_for_bit(index, random):
    for _ in range(60):
        shape = (int(random.integers(1, 4)), *map(int, random.integers(1, 24, 3)))
        low, high = (None if random.integers(5) == 0 else round(float(random.uniform(-9, 9)), 3) for _ in range(2))
        params = {"minv": low, "maxv": high, "factor": [None, 0.3, -1.7][random.integers(3)], "channel_wise": bool(random.integers(2))}
        image = intensities(random, shape)
        if random.integers(3) == 0:
            image[random.integers(shape[0])] = 7  # constant
        if random.integers(4) == 0:
            image.flat[random.integers(image.size)] = random.choice([np.nan, np.inf, -np.inf, -0.0, 1e-42, 3e38])
        index.add("ScaleIntensity", params, image)
    for dtype in (np.int16, np.uint8, np.int32):
        index.add("ScaleIntensity", {"minv": -1.0, "maxv": 1.0}, random.integers(0, 200, (2, 9, 8, 7)).astype(dtype))
    index.check()


def logits(random, shape):
    image = intensities(random, shape, scale=random.choice([0.1, 3, 40]))
    image.flat[random.integers(image.size, size=1 + image.size // 50)] = random.choice([np.nan, np.inf, -np.inf, 200, -200, 1e-42])
    if random.integers(2):
        image[:, 0] = np.round(image[:, 0])  # ties
    return image


def test_activations_are_torchs(index, random):
    for _ in range(40):
        shape = (int(random.integers(1, 6)), *map(int, random.integers(1, 24, 3)))
        params = [{"sigmoid": True}, {"softmax": True}, {"sigmoid": True, "softmax": True}, {}][random.integers(4)]
        index.add("Activations", params, logits(random, shape), atol=1e-6)
    index.add("Activations", {"softmax": True}, intensities(random, (105, 5, 6, 7), scale=20), atol=1e-6)
    index.check()


def test_discrete_values_are_torchs(index, random):
    for _ in range(80):
        shape = (int(random.integers(1, 6)), *map(int, random.integers(1, 20, 3)))
        classes = shape[0] + int(random.integers(0, 3))
        argmax = bool(random.integers(2))
        params = {"argmax": argmax, "threshold": [None, None, 0.5, 0.1, -1, 2][random.integers(6)]}
        if params["threshold"] is None and random.integers(2):
            params["rounding"] = "torchrounding"
        image = logits(random, shape)
        if not argmax and random.integers(2):  # labels, with fractions that are cut
            image = (random.random((1, *shape[1:])) * (classes + 0.9) - 0.9).astype(np.float32)
        if random.integers(2) and (argmax or image.shape[0] == 1 and np.isfinite(image).all() and image.min() > -1 and image.max() < classes):
            params["to_onehot"] = classes
        index.add("AsDiscrete", params, image)
    halves = np.arange(-40, 40, dtype=np.float32).reshape(1, 4, 4, 5) / 2
    index.add("AsDiscrete", {"rounding": "torchrounding"}, halves)
    index.add("AsDiscrete", {"rounding": "torchrounding", "dtype": "int32"}, halves)
    for threshold in (0.1, 0.7, 1 / 3):  # at the threshold itself, which torch rounds to float32
        index.add("AsDiscrete", {"threshold": threshold}, np.nextafter(np.float32(threshold), np.float32([[[[-1, threshold, 1]]]]).astype(np.float32)))
    index.check()


def label_map(random, channels=1, labels=4):
    """Blocks of labels on one another, some hollow, and specks."""
    shape = tuple(map(int, random.integers(1, 26, 3)))
    image = np.zeros((channels, *shape), np.float32)
    for _ in range(random.integers(1, 9)):
        low = random.integers(0, shape)
        high = low + random.integers(1, 12, 3)
        channel, label = random.integers(channels), random.integers(0, labels) if channels == 1 else 1
        image[(channel, *map(slice, low, high))] = label
        if random.integers(2):
            image[(channel, *map(slice, low + 1, np.maximum(high - 1, low + 1)))] = 0
    specks = random.random(image.shape) < random.choice([0, 0.01, 0.1, 0.4])
    return np.where(specks, random.integers(0, labels if channels == 1 else 2, image.shape), image).astype(np.float32)


def test_holes_are_filled_as_in_monai(index, random):
    for _ in range(150):
        channels = int(random.choice([1, 1, 3]))
        params = {"connectivity": [None, 1, 2, 3, 0, -1, 9][random.integers(7)]}
        if random.integers(2):
            params["applied_labels"] = [[1], [2, 1], [0, 2], [1, 2, 77], 0, 2][random.integers(4 if channels == 1 else 3)]
        image = label_map(random, channels)
        if random.integers(4) == 0:
            image *= 40 if channels == 1 else 0.5  # labels that MONAI goes through in another order, and soft masks
        index.add("FillHoles", params, image)
    index.check()


def test_nested_holes_are_filled_as_in_monai(index, random):
    for _ in range(60):
        n = int(random.integers(9, 16))
        image = np.zeros((1, n, n, n), np.float32)
        for i in range(random.integers(1, n // 2)):  # shells, now and then open
            image[0, i:n - i, i:n - i, i:n - i] = random.integers(0, 5) * random.choice([1, 33])
        image[random.random(image.shape) < 0.01] = random.integers(0, 5)
        index.add("FillHoles", {"connectivity": int(random.integers(1, 4))}, image)
    index.check()


def test_small_objects_are_removed_as_in_monai(index, random):
    for _ in range(200):
        channels = int(random.choice([1, 2, 4]))
        params = {"min_size": int(random.choice([0, 1, 2, 3, 5, 20, 1000])), "connectivity": int(random.integers(0, 6)),
                  "independent_channels": bool(random.integers(2))}
        image = label_map(random, channels, labels=int(random.choice([2, 4])))
        where = None
        if random.integers(4) == 0:
            params["by_measure"], where = True, affine(random)
        if random.integers(8) == 0:
            image += random.choice([0.25, 0.5])  # fractions: cut, or as good as 1
        index.add("RemoveSmallObjects", params, image, where)
    for special in (np.inf, np.nan, -np.inf, -2):
        image = label_map(random)
        image.flat[random.integers(image.size, size=3)] = special
        index.add("RemoveSmallObjects", {"min_size": 3, "independent_channels": False}, image)
    index.add("RemoveSmallObjects", {"min_size": 9}, np.full((1, 2, 2, 2), 3, np.float32))
    index.add("RemoveSmallObjects", {"min_size": 9, "by_measure": True, "pixdim": 0.5}, label_map(random), np.eye(4))
    index.check()


def test_images_in_two_dimensions_are_outlined_as_in_monai(index, random):
    for _ in range(30):
        shape = (int(random.integers(1, 4)), *map(int, random.integers(1, 90, 2)))
        labels = random.integers(0, 3, shape) * (random.random(shape) > random.choice([0.02, 0.5, 0.9]))
        index.add("LabelToContour", {}, labels.astype(np.float32))
        index.add("LabelToContour", {}, (labels > 0).astype(np.float32))
    index.check()


# What C++ leaves undefined is torch's on this kind of machine; the two unsigned types of 32 and 64 bits differ within torch.
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "int64", "float32", "float64"])
def test_types_are_converted_as_torch_does(index, random, dtype):
    edges = [0, -0.5, 0.9, -1.5, 255, 256, 300.7, -300.7, 32768, 65536, 70000, -70000, 2**31, -2**31, 3e9, -3e9, 2**32 + 512, 1e10, -1e10, 9.3e18, -1e19, 1e30]
    specials = np.resize(np.array([*edges, np.nan, np.inf, -np.inf]), 300)
    random.shuffle(specials)
    for source in (np.float32, np.float64):
        index.add("CastToType", {"dtype": dtype}, specials.astype(source).reshape(1, 3, 10, 10))
    for source in (np.uint8, np.int16, np.int32, np.int64):
        whole = random.integers(np.iinfo(source).min, np.iinfo(source).max, (2, 5, 10, 3), dtype=source, endpoint=True)
        index.add("CastToType", {"dtype": dtype}, whole)
    index.check()


def window_net(half):
    """The network that golden_runner has for sliding windows; `half` makes an answer of half the window's size."""

    def predict(windows):
        i, j, k = (torch.arange(n, dtype=torch.float32) for n in windows.shape[2:])
        places = i[:, None, None] + 2 * j[:, None] + 3 * k
        first = windows[:, :1] + torch.tensor(0.01) * places
        second = torch.tensor(2.0) * windows[:, :1] - torch.tensor(0.02) * i[:, None, None]
        answer = torch.cat([first, second], 1)
        return torch.nn.functional.avg_pool3d(answer, 2) if half else answer

    return predict


def add_windows(index, params, image, half, atol):
    case_id = f"{len(index.cases):03d}_SlidingWindowInferer"
    case = {"id": case_id, "transform": "SlidingWindowInferer", "params": {**params, "half": half}, "atol": atol,
            "input": index.entry(f"{case_id}_in.npy", image, None)}
    try:
        result = SlidingWindowInferer(**params)(torch.from_numpy(image)[None], window_net(half))[0]
        case["output"] = index.entry(f"{case_id}.npy", result.numpy(), None)
    except (RuntimeError, ValueError) as error:
        case["raises"] = type(error).__name__
    index.cases.append(case)


def test_constant_sliding_windows_are_monais_bit_for_bit(index, random):
    for number in range(90):
        half = number % 5 == 0
        shape = (1, *map(int, random.integers(2, 28, 3)))
        roi = random.integers(-1, 20, 3)
        if half:
            roi = 2 * random.integers(1, 10, 3)
        params = {
            "roi_size": roi.tolist() if number % 7 else max(2, int(roi[0]) // 2 * 2), "sw_batch_size": int(random.integers(1, 6)),
            "overlap": float(random.choice([0, 0.1, 0.25, 0.5, 0.625, 0.7])) if number % 2 else random.uniform(0, 0.75, 3).tolist(),
            "padding_mode": str(random.choice(["constant", "reflect", "replicate", "circular"])),
        }
        if params["padding_mode"] == "constant" or number % 11 == 0:
            params["cval"] = float(random.normal())
        add_windows(index, params, intensities(random, shape, 1), half, 0)
    # Ten voxels of which a tenth is left are less than one apart.
    add_windows(index, {"roi_size": 10, "overlap": 0.9}, intensities(random, (1, 14, 12, 13), 1), False, 0)
    assert sum("raises" in case for case in index.cases) >= 3
    index.check()


def test_gaussian_sliding_windows_are_monais_but_for_exp(index, random):
    for number in range(60):
        shape = (1, *map(int, random.integers(2, 34, 3)))
        params = {
            "roi_size": (2 * random.integers(1, 10, 3)).tolist(), "sw_batch_size": 4, "overlap": float(random.uniform(0, 0.8)), "mode": "gaussian",
            "sigma_scale": float(random.uniform(0.06, 1)) if number % 2 else random.uniform(0.06, 1, 3).tolist(), "padding_mode": "replicate",
        }
        if number % 5 == 0:
            params |= {"buffer_steps": int(random.integers(1, 4)), "buffer_dim": int(random.integers(-3, 3))}
        add_windows(index, params, intensities(random, shape, 1), number % 5 == 1, 2e-6)
    index.check()


def test_importance_maps_are_monais_but_for_exp(index, random):
    # torch's exp (MKL's) rounds one value in a hundred the other way: up to 6e-8 in each of the three factors.
    image = np.zeros((1, 2, 2, 2), np.float32)
    for number in range(60):
        size = [96, 96, 96] if number == 0 else random.integers(1, 49, 3).tolist()
        sigma = 0.125 if number < 5 else float(random.uniform(0.05, 1))
        case_id = f"{number:03d}_importance_map"
        wanted = compute_importance_map(tuple(size), mode="gaussian", sigma_scale=sigma).numpy()
        index.cases.append({"id": case_id, "transform": "importance_map", "params": {"patch_size": size, "mode": "gaussian", "sigma_scale": sigma},
                            "atol": 2e-7, "input": index.entry("image.npy", image, None), "output": index.entry(f"{case_id}.npy", wanted, None)})
    index.check()
