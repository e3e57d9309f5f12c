# venv: monai
"""Spacing and the way back in MONAI and, through golden_runner, in voxd: what the golden cases are too few or too small for."""
import numpy as np
import pytest

from monai_index import index, intensities, random, some_affine, turned


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
        # MONAI's last bit decides, and it is LAPACK's: conftest.py says which kernels.
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
