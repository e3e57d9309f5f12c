# venv: monai
"""The example bundles in MONAI and in voxd: the same config, the same network, the same image."""
import json
import subprocess

import nibabel
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.networks.nets import UNet
from monai.transforms import ScaleIntensityRangePercentiles

from support import BIN, HEAD, ROOT, ZOO, body_phantom

BRAIN, SPLEEN = "brain_extraction", "spleen_seg"


def dice(a, b):
    return 2 * np.logical_and(a, b).sum() / (a.sum() + b.sum())


def run_in_monai(bundle, image, folder):
    """Mask and contour as MONAI makes them from the bundle's config, on the CPU."""
    parser = ConfigParser()
    parser.read_config(ZOO / bundle / "configs/inference.json")
    parser.read_meta(ZOO / bundle / "configs/metadata.json")
    parser["bundle_root"] = str(ZOO / bundle)
    parser["output_dir"] = str(folder)
    parser["device"] = "cpu"
    parser["network"] = "@network_def"
    item = parser.get_parsed_content("preprocessing")({"image": str(image)})
    network = parser.get_parsed_content("network").eval()
    with torch.inference_mode():
        item["pred"] = parser.get_parsed_content("inferer")(item["image"][None], network)[0]
    item = parser.get_parsed_content("postprocessing")(item)
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
    expected_mask, expected_contour = run_in_monai(BRAIN, HEAD, tmp_path)
    ours = np.asarray(mask.dataobj)
    overlap = dice(ours == 1, expected_mask == 1)
    print(f"brain_extraction against MONAI: Dice {overlap:.7f}, {np.sum(ours != expected_mask)} of {ours.size} voxels differ")
    assert ours.shape == expected_mask.shape
    assert overlap >= 0.9999
    assert dice(np.asarray(contour.dataobj) == 1, expected_contour == 1) >= 0.999
    np.testing.assert_array_equal(mask.affine, nibabel.load(HEAD).affine)


def test_the_reference_chain_is_monais(server, tmp_path):
    """Crop, area resize and network on the grid of 224^3; random weights make many voxels where both classes are about as likely."""
    image = tmp_path / "phantom.nii.gz"
    nibabel.save(nibabel.Nifti1Image(body_phantom((72, 60, 40)), np.diag([-2.0, 2.5, 5, 1])), image)
    mask, contour = run_in_voxd(server, SPLEEN, image, tmp_path)
    expected_mask, expected_contour = run_in_monai(SPLEEN, image, tmp_path)
    ours = np.asarray(mask.dataobj)
    differing = np.sum(ours != expected_mask)
    print(f"spleen_seg against MONAI: {differing} of {ours.size} voxels differ, {np.mean(expected_mask):.3f} foreground")
    assert ours.shape == expected_mask.shape == (224, 224, 224)
    assert 0.01 < np.mean(expected_mask) < 0.99
    assert differing <= 20
    assert np.sum(np.asarray(contour.dataobj) != expected_contour) <= 27 * 20


def test_the_stand_in_network_is_monais_unet():
    """Weights by their names in MONAI's UNet, and the same numbers out of it."""
    network = torch.jit.load(str(ZOO / SPLEEN / "models/model.ts"))
    unet = UNet(spatial_dims=3, in_channels=1, out_channels=2, channels=(8, 16, 32, 32, 64), strides=(2, 2, 2, 2),
                num_res_units=2, norm="batch").eval()
    unet.load_state_dict(network.state_dict())
    assert sum(parameter.numel() for parameter in unet.parameters()) == 478_349
    x = torch.rand(1, 1, 64, 48, 32, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        assert (unet(x) - network(x)).abs().max() <= 1e-4


PERCENTILES = {
    "to_0_1": dict(lower=0.5, upper=99.5, b_min=0, b_max=1, clip=True),
    "not_clipped": dict(lower=10, upper=60, b_min=-1, b_max=2),
    "whole_range": dict(lower=0, upper=100, b_min=0, b_max=255, clip=True),
    "no_target": dict(lower=5, upper=95, b_min=None, b_max=None),
    "relative": dict(lower=5, upper=95, b_min=0, b_max=1, clip=False, relative=True),
    "by_channel": dict(lower=2.5, upper=97.5, b_min=0, b_max=1, clip=True, channel_wise=True),
}


def random_images():
    rng = np.random.default_rng(11)
    yield "normal", rng.normal(100, 30, (2, 23, 17, 19)).astype(np.float32)
    yield "many_equal", rng.integers(0, 5, (2, 16, 16, 16)).astype(np.float32)
    yield "wide", (10.0 ** rng.uniform(-6, 6, (2, 13, 11, 7)) * rng.choice([-1, 1], (2, 13, 11, 7))).astype(np.float32)
    yield "large", rng.normal(0, 1, (1, 128, 96, 96)).astype(np.float32)


def test_percentile_scaling_is_monais(tmp_path):
    """golden_runner runs cases made here, as it runs the project's own."""
    cases = []
    for image_name, image in random_images():
        np.save(tmp_path / f"{image_name}.npy", image)
        for name, parameters in PERCENTILES.items():
            expected = ScaleIntensityRangePercentiles(**parameters)(torch.from_numpy(image.copy())).numpy()
            case = f"{image_name}_{name}"
            np.save(tmp_path / f"{case}.npy", expected)
            shape = {"shape": list(image.shape), "stored": "float32", "dtype": "float32"}
            cases.append({"id": case, "transform": "ScaleIntensityRangePercentiles", "params": parameters, "atol": 0.0,
                          "input": {"file": f"{image_name}.npy", **shape}, "output": {"file": f"{case}.npy", **shape}})
    (tmp_path / "index.json").write_text(json.dumps({"cases": cases}))
    written = tmp_path / "written"
    result = subprocess.run([BIN / "golden_runner", "--golden", tmp_path, "--write", written], cwd=ROOT, text=True, capture_output=True)
    worst = 0.0
    for case in cases:
        expected, ours = (np.load(folder / case["output"]["file"]) for folder in (tmp_path, written))
        # The percentiles' own rounding moves everything by as much, so differences count against the largest result.
        worst = max(worst, float(np.abs(ours.reshape(expected.shape) - expected).max() / np.abs(expected).max()))
    print(f"ScaleIntensityRangePercentiles: {len(cases)} cases, largest difference {worst:.1e} of the largest value\n{result.stdout[-300:]}")
    assert worst <= 1e-6
