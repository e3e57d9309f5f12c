#!/usr/bin/env python3
"""Runs a bundle on an image in MONAI and through a running voxd, and says how they differ: voxels, Dice of each label, milliseconds of each stage.

Runs in a Python with MONAI 1.6.1 and PyTorch 2.11, as `import_bundle.py` does. The exit code is 0 only if no voxel differs.
"""
import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import torch

from monai_bundle import MonaiBundle


def run_in_voxd(voxctl, address, model, files):
    """The mask's voxels, and the report."""
    with tempfile.TemporaryDirectory() as folder:
        mask, report = Path(folder) / "mask.nii.gz", Path(folder) / "report.json"
        subprocess.run([voxctl, "segment", *files, "--address", address, "--model", model, "--mask", mask, "--report", report, "--quiet"],
                       check=True)
        return np.asarray(nibabel.load(mask).dataobj), json.loads(report.read_text())


def dice(a, b):
    both = a.sum() + b.sum()
    return 2 * np.logical_and(a, b).sum() / both if both else 1.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="the bundle's folder; its name is the model's on the server")
    parser.add_argument("image", nargs="+", help="a NIfTI file; several are the channels of one image")
    parser.add_argument("--address", default="127.0.0.1:8001", help="of voxd; default 127.0.0.1:8001")
    parser.add_argument("--voxctl", default="voxctl", help="the program; default voxctl")
    arguments = parser.parse_args()

    ours, report = run_in_voxd(arguments.voxctl, arguments.address, arguments.bundle.resolve().name, arguments.image)
    bundle = MonaiBundle(arguments.bundle)
    network = torch.jit.load(str(bundle.folder / "models/model.ts"), map_location="cpu").eval()
    # A chain that interpolates its labels leaves fractions; voxd answers with the labels nearest to them.
    monais = np.round(bundle.run(arguments.image, network)["pred"].numpy()[0])
    if ours.shape != monais.shape:
        raise SystemExit(f"MONAI's mask has {monais.shape} voxels, voxd's {ours.shape}")

    differing = int((ours != monais).sum())
    print(f"{differing} of {ours.size} voxels differ")
    for label in np.union1d(monais, ours):
        if label != 0:
            print(f"label {int(label)}: Dice {dice(ours == label, monais == label):.6f}")
    for stage, ms in bundle.stages_ms.items():
        print(f"{stage}: MONAI {ms:.0f} ms, voxd {report['stages_ms'][stage]:.0f} ms")
    raise SystemExit(0 if differing == 0 else 1)


if __name__ == "__main__":
    main()
