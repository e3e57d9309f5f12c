# venv: monai
"""Resizing, turning, cropping and padding in MONAI and, through golden_runner, in voxd: what the golden cases are too few or too small for."""
import numpy as np
import pytest

from monai_index import affine, index, intensities, random


@pytest.mark.parametrize("mode", ["area", "trilinear", "nearest", "nearest-exact"])
def test_resizing_is_torchs_bit_for_bit(index, random, mode):
    for _ in range(12):
        image = intensities(random, (int(random.integers(1, 4)), *random.integers(1, 60, 3)))
        index.add("Resize", {"spatial_size": random.integers(1, 80, 3).tolist(), "mode": mode}, image, affine(random))
    for n_in in (7, 100, 114, 217, 306, 512, 699, 700, 1000):
        for n_out in (3, 96, 160, 224, 225, 256, 270):
            index.add("Resize", {"spatial_size": [2, 3, n_out], "mode": mode}, intensities(random, (1, 1, 2, n_in)))
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
