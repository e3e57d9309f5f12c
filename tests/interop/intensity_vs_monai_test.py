# venv: monai
"""Transforms of values in MONAI and, through golden_runner, in voxd: what the golden cases are too few or too small for."""
import numpy as np
import pytest

from monai_index import index, intensities, logits, random


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
