"""Random volumes, and cases of golden_runner that MONAI makes of them. A test file imports the fixtures `index` and `random`, too."""
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


def logits(random, shape):
    image = intensities(random, shape, scale=random.choice([0.1, 3, 40]))
    image.flat[random.integers(image.size, size=1 + image.size // 50)] = random.choice([np.nan, np.inf, -np.inf, 200, -200, 1e-42])
    if random.integers(2):
        image[:, 0] = np.round(image[:, 0])  # ties
    return image
