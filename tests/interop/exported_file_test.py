# venv: monai
"""A bundle that MONAI's own ckpt_export wrote into one file is served from that file, with the voxels of its folder."""
import json
import shutil

import nibabel
import numpy as np
import pytest
import torch
from monai.bundle import ckpt_export

from support import ZOO, body_phantom

SPLEEN = "spleen_seg"
NETWORK = {"_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [8, 16, 32, 32, 64],
           "strides": [2, 2, 2, 2], "num_res_units": 2, "norm": "batch"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """spleen_seg with a description of its network and with weights, as MONAI's exporter needs them."""
    folder = tmp_path_factory.mktemp("bundles") / SPLEEN
    shutil.copytree(ZOO / SPLEEN, folder)
    config = json.loads((folder / "configs/inference.json").read_text())
    (folder / "configs/inference.json").write_text(json.dumps({**config, "network_def": NETWORK}))
    (folder / "configs/serving.json").write_text('{"warm_up_size": [32, 32, 32]}')
    torch.save(dict(torch.jit.load(str(folder / "models/model.ts")).state_dict()), folder / "models/model.pt")
    return folder


@pytest.fixture(scope="module")
def exported(bundle, tmp_path_factory):
    """The file that MONAI makes of it."""
    file = tmp_path_factory.mktemp("exported") / "spleen.ts"
    configs = bundle / "configs"
    ckpt_export("network_def", filepath=str(file), ckpt_file=str(bundle / "models/model.pt"),
                meta_file=str(configs / "metadata.json"),
                config_file=[str(configs / "inference.json"), str(configs / "serving.json")])
    return file


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    file = tmp_path_factory.mktemp("image") / "phantom.nii.gz"
    nibabel.save(nibabel.Nifti1Image(body_phantom((72, 60, 40)), np.diag([-2.0, 2.5, 5, 1])), file)
    return file


def mask_of(server, model, image, folder):
    mask = folder / f"{model}.nii.gz"
    result = server.voxctl("segment", image, "--model", model, "--mask", mask)
    assert result.returncode == 0, result.stderr
    return np.asarray(nibabel.load(mask).dataobj)


def test_a_file_that_monai_exported_is_a_deployment(exported, bundle, image, start_server, tmp_path):
    from_file = start_server(exported, repository="/nonexistent")
    from_folder = start_server(repository=bundle.parent)
    mask = mask_of(from_file, "spleen", image, tmp_path)
    assert np.any(mask)
    differing = int(np.count_nonzero(mask != mask_of(from_folder, SPLEEN, image, tmp_path)))
    # Two conversions of one network: random weights, and some voxels where both classes are about as likely.
    assert differing <= 20


def test_a_repository_may_hold_such_files(exported, image, start_server, tmp_path):
    repository = tmp_path / "repository"
    repository.mkdir()
    shutil.copy(exported, repository / "organ.ts")
    server = start_server(repository=repository)
    assert np.any(mask_of(server, "organ", image, tmp_path))
