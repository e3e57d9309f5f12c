# venv: monai
"""A bundle that has weights and no TorchScript file is imported, served, and compared with MONAI's own run of it."""
import json
import shutil
import subprocess
import sys

import nibabel
import numpy as np
import pytest
import torch

from support import BIN, ROOT, ZOO, body_phantom

SPLEEN = "spleen_seg"


def run(script, *arguments):
    return subprocess.run([sys.executable, ROOT / "models/export" / script, *map(str, arguments)], text=True, capture_output=True, timeout=600)


@pytest.fixture
def bundle(tmp_path):
    """spleen_seg as MONAI would give it away: a description of its network, and weights."""
    folder = tmp_path / "repository" / SPLEEN
    shutil.copytree(ZOO / SPLEEN / "configs", folder / "configs")
    (folder / "models").mkdir()
    config = json.loads((folder / "configs/inference.json").read_text())
    config["network_def"] = {"_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [8, 16, 32, 32, 64],
                             "strides": [2, 2, 2, 2], "num_res_units": 2, "norm": "batch"}
    (folder / "configs/inference.json").write_text(json.dumps(config))
    weights = torch.jit.load(str(ZOO / SPLEEN / "models/model.ts")).state_dict()
    torch.save({"model": dict(weights)}, folder / "models/model.pt")
    return folder


def test_weights_become_a_network_that_serves_with_monais_voxels(bundle, start_server, tmp_path):
    result = run("import_bundle.py", bundle)
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads((bundle / "models/import.json").read_text())
    assert report["model"] == "scripted"
    assert [seen["differing_labels"] for seen in report["compared"]] == [0, 0]
    assert json.loads((bundle / "configs/serving.json").read_text())["sha256"] == report["sha256"]

    image = tmp_path / "phantom.nii.gz"
    nibabel.save(nibabel.Nifti1Image(body_phantom((72, 60, 40)), np.diag([-2.0, 2.5, 5, 1])), image)
    server = start_server(repository=bundle.parent)
    result = run("parity.py", bundle, image, "--address", server.address, "--voxctl", BIN / "voxctl")
    print(result.stdout)
    # Random weights: many voxels where both classes are about as likely.
    differing = int(result.stdout.split()[0])
    assert differing <= 20, result.stdout + result.stderr
    assert result.returncode == (0 if differing == 0 else 1)
    assert "label 1: Dice 1.0000" in result.stdout or "label 1: Dice 0.9999" in result.stdout
    assert "network: MONAI" in result.stdout


def test_a_network_that_is_not_the_bundles_is_refused(bundle):
    state = torch.load(bundle / "models/model.pt", weights_only=True)
    shutil.copy(ZOO / SPLEEN / "models/model.ts", bundle / "models/model.ts")
    name = next(name for name, value in state["model"].items() if value.ndim == 5)
    state["model"][name] = state["model"][name] * 1.5
    torch.save(state, bundle / "models/model.pt")
    before = (bundle / "configs/serving.json").read_text()
    result = run("import_bundle.py", bundle)
    assert result.returncode != 0
    assert "models/model.ts differs from the network" in result.stderr
    assert (bundle / "configs/serving.json").read_text() == before


def test_what_is_missing_is_said(tmp_path):
    (tmp_path / "configs").mkdir()
    result = run("import_bundle.py", tmp_path)
    assert result.returncode != 0
    assert "there is no inference.json, .yaml or .yml" in result.stderr
