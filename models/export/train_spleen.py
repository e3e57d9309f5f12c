#!/usr/bin/env python3
"""Trains the network of zoo/spleen_seg on synthetic patients (phantom.py) and writes it as TorchScript.

    train_spleen.py OUT.ts [--steps 4000] [--patients 14]

Patients go through the bundle's own preprocessing; patches of 64^3 come from the spleen and, as hard negatives, from organs that look
like it. BatchNorm's statistics are frozen early: those of three patches would wash out absolute Hounsfield units, which are what tells a
spleen from a liver. Last comes Dice on patients that were not trained on. Runs offline, in a Python with MONAI (`scripts/setup --interop`).
"""
import argparse
import json
import time

import numpy as np
import torch
from monai.losses import DiceLoss
from monai.networks.nets import UNet
from monai.transforms import Compose, CropForegroundd, KeepLargestConnectedComponent, Resized, ScaleIntensityRanged

from phantom import ORGANS, make_phantom

GRID, PATCH = 224, 64
UNSEEN = 10_000  # seeds of patients to judge by start here

prepare = Compose([
    ScaleIntensityRanged("image", -57, 164, 0.0, 1.0, clip=True),
    CropForegroundd(("image", "organs"), source_key="image"),
    Resized(("image", "organs"), (GRID,) * 3, mode=("area", "nearest")),
])


def patient(seed):
    hu, organs, _ = make_phantom(seed)
    item = prepare({"image": torch.from_numpy(hu).float()[None], "organs": torch.from_numpy(organs).float()[None]})
    return item["image"].as_tensor().half(), item["organs"].as_tensor().to(torch.uint8)


def network():
    return UNet(spatial_dims=3, in_channels=1, out_channels=2, channels=(8, 16, 32, 32, 64), strides=(2, 2, 2, 2), num_res_units=2, norm="batch")


class Patches:
    """Draws, from a patient, one patch at the spleen and two at other organs or anywhere."""

    def __init__(self, patients, rng):
        self.rng, self.patients = rng, patients
        self.voxels = [{organ: np.argwhere(organs[0].numpy() == number) for organ, number in ORGANS.items()} for _, organs in patients]

    def patch(self, n, organ):
        image, organs = self.patients[n]
        around = self.voxels[n].get(organ)
        middle = around[self.rng.integers(len(around))] if around is not None else self.rng.integers(0, GRID, 3)
        low = np.clip(middle - self.rng.integers(PATCH // 4, PATCH - PATCH // 4, 3), 0, GRID - PATCH)
        box = (slice(None), *(slice(start, start + PATCH) for start in low))
        axes = [axis for axis in (1, 2, 3) if self.rng.random() < 0.5]
        return torch.flip(image[box], axes).float(), torch.flip(organs[box] == ORGANS["spleen"], axes).long()

    def batch(self):
        n = int(self.rng.integers(len(self.patients)))
        others = self.rng.choice(["liver", "kidney", "stomach", "anywhere"], 2, replace=False, p=[0.35, 0.25, 0.1, 0.3])
        images, labels = zip(*(self.patch(n, organ) for organ in ("spleen", *others)))
        return torch.stack(images).contiguous(memory_format=torch.channels_last_3d), torch.stack(labels)


@torch.no_grad()
def freeze_statistics(net, patients):
    """BatchNorm's statistics over whole patients; from here on they are constants."""
    norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm3d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
    net.train()
    for image, _ in patients:
        net(image[None].float())
    net.eval()


def train(net, patches, steps, patients):
    dice = DiceLoss(include_background=False, softmax=True, to_onehot_y=True, batch=True)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    started, seen = time.monotonic(), []
    for step in range(steps):
        if step == min(100, steps // 10):
            freeze_statistics(net, patients)
        images, labels = patches.batch()
        with torch.autocast("cpu", torch.bfloat16):
            scores = net(images).float()
        loss = dice(scores, labels) + 2 * torch.nn.functional.cross_entropy(scores, labels[:, 0])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        seen.append(loss.item())
        if step % 100 == 99:
            print(f"step {step + 1}: loss {np.mean(seen[-100:]):.3f}, {(time.monotonic() - started) / (step + 1):.2f} s a step", flush=True)


def dice_of(a, b):
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@torch.inference_mode()
def judge(net, count):
    """Dice on unseen patients, on the network's grid, before and after the largest component is kept."""
    keep, rows = KeepLargestConnectedComponent(applied_labels=[1]), []
    for seed in range(UNSEEN, UNSEEN + count):
        image, organs = patient(seed)
        mask, truth = net(image[None].float()).argmax(1), organs == ORGANS["spleen"]
        rows.append({"seed": seed, "argmax": dice_of(mask == 1, truth), "largest": dice_of(keep(mask) == 1, truth)})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="the TorchScript file")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--patients", type=int, default=14)
    parser.add_argument("--judge", type=int, default=10, help="how many unseen patients; default 10")
    options = parser.parse_args()
    torch.manual_seed(1)
    patients = [patient(seed) for seed in range(options.patients)]
    print(f"{len(patients)} patients", flush=True)
    net = network().to(memory_format=torch.channels_last_3d)
    train(net.train(), Patches(patients, np.random.default_rng(1)), options.steps, patients[:4])
    net = net.to(memory_format=torch.contiguous_format).eval()
    torch.jit.script(net).save(options.out)
    judge(net, options.judge)


if __name__ == "__main__":
    main()
