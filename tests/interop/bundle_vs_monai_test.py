# venv: monai
"""The example bundles in MONAI and in voxd: the same config, the same network, the same image."""
import sys

import nibabel
import numpy as np
import pytest
import torch
from monai.networks.nets import UNet

from support import HEAD, ROOT, ZOO, body_phantom

sys.path.insert(0, str(ROOT / "models/export"))
from monai_bundle import MonaiBundle  # noqa: E402

BRAIN, SPLEEN = "brain_extraction", "spleen_seg"


def dice(a, b):
    return 2 * np.logical_and(a, b).sum() / (a.sum() + b.sum())


def run_in_monai(bundle, image):
    """Mask and contour as MONAI makes them from the bundle's config, on the CPU."""
    monai = MonaiBundle(ZOO / bundle)
    network = torch.jit.load(str(ZOO / bundle / "models/model.ts"), map_location="cpu").eval()
    item = monai.run([image], network)
    return item["pred"].numpy()[0], item["contour"].numpy()[0]


def run_in_voxd(server, bundle, image, folder):
    mask, contour = folder / "mask.nii.gz", folder / "contour.nii.gz"
    result = server.voxctl("segment", image, "--model", bundle, "--mask", mask, "--contour", contour, "--quiet")
    assert result.returncode == 0, result.stderr
    return nibabel.load(mask), nibabel.load(contour)


@pytest.fixture(scope="module")
def server(start_module_server):
    return start_module_server(BRAIN, SPLEEN)


def test_the_brain_of_a_real_head_is_monais(server, tmp_path):
    """The bundle resizes back to the head's own grid, so that is where the two are compared."""
    mask, contour = run_in_voxd(server, BRAIN, HEAD, tmp_path)
    expected_mask, expected_contour = run_in_monai(BRAIN, HEAD)
    ours = np.asarray(mask.dataobj)
    overlap = dice(ours == 1, expected_mask == 1)
    print(f"brain_extraction against MONAI: Dice {overlap:.7f}, {np.sum(ours != expected_mask)} of {ours.size} voxels differ")
    assert ours.shape == expected_mask.shape
    assert overlap >= 0.9999
    assert dice(np.asarray(contour.dataobj) == 1, expected_contour == 1) >= 0.999
    np.testing.assert_array_equal(mask.affine, nibabel.load(HEAD).affine)


def test_the_reference_chain_is_monais(server, tmp_path):
    """Crop, area resize and network on the grid of 224^3. A voxel may differ where both classes are closer than float32's rounding."""
    image = tmp_path / "phantom.nii.gz"
    nibabel.save(nibabel.Nifti1Image(body_phantom((72, 60, 40)), np.diag([-2.0, 2.5, 5, 1])), image)
    mask, contour = run_in_voxd(server, SPLEEN, image, tmp_path)
    expected_mask, expected_contour = run_in_monai(SPLEEN, image)
    ours = np.asarray(mask.dataobj)
    differing = np.sum(ours != expected_mask)
    print(f"spleen_seg against MONAI: {differing} of {ours.size} voxels differ, {np.mean(expected_mask):.3f} foreground")
    assert ours.shape == expected_mask.shape == (224, 224, 224)
    assert 0.01 < np.mean(expected_mask) < 0.99
    assert differing <= 5
    assert np.sum(np.asarray(contour.dataobj) != expected_contour) <= 27 * 5


def test_the_network_of_spleen_seg_is_monais_unet():
    """Weights by their names in MONAI's UNet, and the same numbers out of it."""
    network = torch.jit.load(str(ZOO / SPLEEN / "models/model.ts"))
    unet = UNet(spatial_dims=3, in_channels=1, out_channels=2, channels=(8, 16, 32, 32, 64), strides=(2, 2, 2, 2),
                num_res_units=2, norm="batch").eval()
    unet.load_state_dict(network.state_dict())
    assert sum(parameter.numel() for parameter in unet.parameters()) == 478_349
    x = torch.rand(1, 1, 64, 48, 32, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        assert (unet(x) - network(x)).abs().max() <= 1e-4
