# venv: monai
"""The chains of MONAI's own bundles in MONAI and in voxd: their configs as they are, a network of ours in place of theirs, small images."""
import json
import os
import shutil
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from monai.transforms import Activationsd, AsDiscreted, Invertd

from support import ROOT

sys.path.insert(0, str(ROOT / "models/export"))
from monai_bundle import MonaiBundle  # noqa: E402

ZOO = Path(os.environ.get("VOXD_ZOO_DIR", Path(__file__).resolve().parents[3] / "shared/zoo"))
pytestmark = pytest.mark.skipif(not ZOO.is_dir(), reason=f"there is no folder {ZOO} (VOXD_ZOO_DIR)")

# Bundle: classes of the network, raw values of the images, files of one image.
CHAINS = {
    "brats_mri_segmentation": (3, (50, 900), 4),
    "multi_organ_segmentation": (8, (-150, 240), 1),
    "pancreas_ct_dints_segmentation": (3, (-80, 200), 1),
    "pediatric_abdominal_ct_segmentation": (4, (-240, 240), 1),
    "prostate_mri_anatomy": (3, (50, 900), 1),
    "renalStructures_UNEST_segmentation": (4, (-170, 240), 1),
    "spleen_ct_segmentation": (2, (-50, 160), 1),
    "swin_unetr_btcv_segmentation": (14, (-170, 240), 1),
    "wholeBody_ct_segmentation": (105, (-900, 900), 1),
    "wholeBrainSeg_Large_UNEST_segmentation": (133, (50, 900), 1),
}
BLOCKS, SIDE = 4, 16  # along each axis
# A chain with a softmax, and one that takes the argmax of bare scores and goes back to the image's grid after it.
PROBABILITIES = ["spleen_ct_segmentation", "prostate_mri_anatomy"]


class StandIn(torch.nn.Module):
    """One class per level of its input's first channel; a voxel is of the class whose level is nearest, clearly so."""

    def __init__(self, levels):
        super().__init__()
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float32).reshape(1, -1, 1, 1, 1))
        self.scale = float(2 / np.median(np.diff(levels)) ** 2)

    def forward(self, x):
        # Twice the product less the square: the squared distance without what all classes share.
        return (2 * x[:, :1] - self.levels) * self.levels * self.scale


class Regions(torch.nn.Module):
    """brats: a channel per region, above 0 where the input's own channel is high."""

    def forward(self, x):
        return 4 * x[:, 1:]


def affine_of(kind):
    """Voxels of 1.5 x 1.5 x 2 mm: as a scanner of supine patients has them, or turned and with a shear."""
    result = np.diag([-1.5, -1.5, 2, 1.0])
    if kind == "oblique":
        result[:3, :3] = np.array([[0.9, 0.1, -0.2], [-0.1, 0.95, 0.15], [0.25, -0.1, 0.93]]) @ np.diag([1.4, 1.6, 2.1])
    result[:3, 3] = 40, 35, -20
    return result


def blocks_of(values, random):
    """An image of blocks, each of one value, all values about as often; int16."""
    chosen = np.resize(values, BLOCKS**3)
    random.shuffle(chosen)
    return chosen.reshape(BLOCKS, BLOCKS, BLOCKS).repeat(SIDE, 0).repeat(SIDE, 1).repeat(SIDE, 2).astype(np.int16)


def images_of(classes, values, files, random):
    """Images of `files` channels: two, or with more classes than blocks three, whose levels crowd in different places."""
    low, high = values
    many = classes > BLOCKS**3
    for kind, power in [("supine", 1), ("oblique", 2), ("supine", 0.5)] if many else [("supine", 1), ("oblique", 1)]:
        levels = low + (high - low) * np.linspace(0, 1, BLOCKS**3 if many else classes) ** power
        yield affine_of(kind), [blocks_of(np.round(levels), random) for _ in range(files)]


class MonaiRun(MonaiBundle):
    """One image through a bundle of the zoo in MONAI."""

    def __init__(self, bundle):
        super().__init__(ZOO / bundle)
        # ITK is not among the packages of the tests; a NIfTI file is the same image to every reader.
        for transform in self.parser["preprocessing"]["transforms"]:
            transform.pop("reader", None)

    def post(self, item, network):
        """The result, and where the two best classes differ by less than 1e-5 at an argmax on the image's grid."""
        item = self.infer(item, network)
        close = None
        for step in self.post_steps():
            if isinstance(step, AsDiscreted) and step.argmax[0]:
                best = torch.topk(item["pred"].as_tensor(), 2, dim=0).values
                close = (best[0] - best[1] < 1e-5).numpy()
            item = step(item)
        result = item["pred"].numpy()
        return result[0], close if close is not None and close.shape == result.shape[1:] else np.zeros(result.shape[1:], bool)

    def probabilities(self, item, network):
        """What the chain takes the argmax of, made a probability where the chain does not do it, on the grid of the result; C,X,Y,Z."""
        item = self.infer(item, network)
        steps = self.post_steps()
        if not any(isinstance(step, Activationsd) for step in steps):
            item = Activationsd(keys="pred", softmax=True)(item)
        for step in steps:
            if isinstance(step, (Activationsd, Invertd)):
                item = step(item)
        return item["pred"].numpy()


def block_values(volume, count):
    """The values that most voxels have: those inside of blocks."""
    values, counts = np.unique(np.round(volume, 3), return_counts=True)
    return values[np.argsort(counts)[::-1][:count]]


def levels_of(classes, items):
    """What the blocks of the images come out as; of the closest neighbours one is left out until there is one level per class."""
    chosen = items if classes > BLOCKS**3 else items[:1]
    levels = np.unique(np.concatenate([block_values(item["image"].numpy()[0], min(classes, BLOCKS**3)) for item in chosen]))
    while len(levels) > classes:
        levels = np.delete(levels, max(1, int(np.diff(levels).argmin())))
    assert len(levels) == classes
    return levels


def network_for(bundle, items):
    return Regions() if bundle.startswith("brats") else StandIn(levels_of(CHAINS[bundle][0], items))


class Case:
    """A bundle with its images as files, what MONAI makes of them, and the network that both run."""

    def __init__(self, bundle, folder):
        self.bundle = bundle
        classes, values, files = CHAINS[bundle]
        random = np.random.default_rng(len(bundle))
        self.files, monai, items = [], MonaiRun(bundle), []
        for number, (affine, channels) in enumerate(images_of(classes, values, files, random)):
            names = [folder / f"{bundle}-{number}-{channel}.nii.gz" for channel in range(files)]
            for name, voxels in zip(names, channels, strict=True):
                nibabel.save(nibabel.Nifti1Image(voxels, affine), name)
            self.files.append(names)
            items.append(monai.preprocess(names))
        network = network_for(bundle, items).eval()
        self.network = torch.jit.script(network)
        self.results = [monai.post(item, network) for item in items]
        if bundle in PROBABILITIES:
            self.probabilities = monai.probabilities(monai.preprocess(self.files[-1]), network)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {bundle: Case(bundle, folder) for bundle in CHAINS}


@pytest.fixture(scope="module")
def server(cases, start_module_server, tmp_path_factory):
    repository = tmp_path_factory.mktemp("repository")
    for bundle in sorted(path.parent.name for path in ZOO.glob("*/configs")):
        shutil.copytree(ZOO / bundle / "configs", repository / bundle / "configs")
        if bundle in cases:
            (repository / bundle / "models").mkdir()
            cases[bundle].network.save(str(repository / bundle / "models/model.ts"))
            # Stand-ins are small: no need to try them at the size of a window.
            (repository / bundle / "configs/serving.json").write_text('{"warm_up_size": [16, 16, 16]}')
    return start_module_server(repository=repository)


@pytest.mark.parametrize("bundle", CHAINS)
def test_a_bundles_chain_gives_monais_voxels(bundle, cases, server, tmp_path):
    case = cases[bundle]
    shares = {}
    for files, (expected, close) in zip(case.files, case.results, strict=True):
        mask = tmp_path / "mask.nii.gz"
        result = server.voxctl("segment", *files, "--model", bundle, "--mask", mask, "--quiet")
        assert result.returncode == 0, result.stderr
        image = nibabel.load(mask)
        ours = np.asarray(image.dataobj)
        assert ours.shape == expected.shape
        np.testing.assert_allclose(image.affine, nibabel.load(files[0]).affine, atol=1e-5)
        # prostate interpolates its labels on the way back: ours are the nearest ones.
        close |= np.abs(expected % 1 - 0.5) < 1e-4
        expected = np.round(expected)
        differing = (ours != expected) & ~close
        labels, counts = np.unique(expected, return_counts=True)
        for label, count in zip(labels, counts, strict=True):
            shares[int(label)] = max(shares.get(int(label), 0), count / expected.size)
        print(f"{bundle}: {differing.sum()} of {ours.size} voxels differ, {close.sum()} are toss-ups")
        assert differing.sum() == 0
        assert close.mean() < 0.01
    classes = CHAINS[bundle][0] + (bundle.startswith("brats"))
    assert len(shares) == classes
    assert min(shares.values()) >= 0.01, sorted(shares.items(), key=lambda share: share[1])[:5]


@pytest.mark.parametrize("bundle", PROBABILITIES)
def test_a_bundles_probabilities_are_monais(bundle, cases, server, tmp_path):
    case = cases[bundle]
    file = tmp_path / "probabilities.nii.gz"
    result = server.voxctl("segment", *case.files[-1], "--model", bundle, "--probabilities", file, "--quiet")
    assert result.returncode == 0, result.stderr
    image = nibabel.load(file)
    ours = np.moveaxis(np.asarray(image.dataobj), 3, 0)
    assert ours.dtype == np.float32
    assert ours.shape == case.probabilities.shape == (CHAINS[bundle][0], *nibabel.load(case.files[-1][0]).shape)
    np.testing.assert_allclose(image.affine, nibabel.load(case.files[-1][0]).affine, atol=1e-5)
    difference = np.abs(ours - case.probabilities)
    print(f"{bundle}: the largest difference is {difference.max():.2e}; {np.mean((ours > 0.01) & (ours < 0.99)):.2%} are in between")
    assert difference.max() <= 1e-6
    assert np.mean((ours > 0.01) & (ours < 0.99)) > 0.001


def table_row(model):
    """The bundle's row of the table in models/README.md."""
    name = model["name"]
    if name in CHAINS:
        return f"| `{name}` | read | equals MONAI's | no |"
    reason = model["reason"].removeprefix(f"{name}/configs/")
    return f"| `{name}` | refused: {reason} | | |"


def test_the_table_of_bundles_says_what_is_so(server):
    """The chains' column is what the test above has seen; no bundle was run with its own weights."""
    models = json.loads(server.voxctl("models", "--json").stdout)
    assert {model["name"] for model in models if model["ready"]} == set(CHAINS)
    wanted = [table_row(model) for model in sorted(models, key=lambda model: model["name"])]
    lines = (ROOT / "models/README.md").read_text().splitlines()
    start = lines.index("| bundle | config | its chain's voxels | run with its own weights |") + 2
    assert lines[start:start + len(wanted)] == wanted, "\n".join(["the table should be:", *wanted])
