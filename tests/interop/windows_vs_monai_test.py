# venv: monai
"""Sliding windows in MONAI and, through golden_runner, in voxd: what the golden cases are too few or too small for."""
import numpy as np
import torch
from monai.data.utils import compute_importance_map
from monai.inferers import SlidingWindowInferer

from monai_index import index, intensities, random


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
