#!/usr/bin/env python3
"""Makes a MONAI bundle servable: exports its network with its weights to models/model.ts where that is missing, compares the file with the
Python network voxel by voxel, and pins its SHA-256 in configs/serving.json. models/import.json says what was compared.

Runs offline, in a Python with MONAI 1.6.1 and PyTorch 2.11 (`scripts/setup --interop` makes one: .deps/interop/monai/bin/python); the bundle's own
Python code is run, so import only what you trust.
"""
import argparse
import hashlib
import json
import sys

import monai
import torch

from monai_bundle import MonaiBundle

TOLERANCE = 1e-4  # of the largest value that the network gives


def load_weights(network, file):
    """State dictionaries as MONAI's bundles have them: bare, or under a name."""
    state = torch.load(file, map_location="cpu", weights_only=True)
    for name in ("model", "state_dict", "network"):
        if isinstance(state, dict) and isinstance(state.get(name), dict):
            state = state[name]
    network.load_state_dict(state)


def input_channels(bundle):
    return int(bundle.parser.get("_meta_::network_data_format::inputs::image::num_channels", 1))


def input_sizes(bundle):
    """A window's size, and another one that networks with strides take as well."""
    roi = getattr(bundle.inferer(), "roi_size", None) or (64, 64, 64)
    window = tuple(int(n) if n > 0 else 64 for n in ([roi] * 3 if isinstance(roi, int) else roi))
    return window, tuple(max(32, n // 2 // 32 * 32) for n in window)


def as_torchscript(network, example):
    """Scripted, so that it takes any size; traced for that of a window where scripting fails."""
    try:
        return torch.jit.script(network), "scripted"
    except Exception as reason:  # whatever TorchScript's compiler does not know
        print(f"cannot be scripted ({str(reason).splitlines()[0]}); traced instead", file=sys.stderr)
        return torch.jit.trace(network, example), "traced"


def compare(network, module, channels, size):
    """Largest difference and differing labels for one input of fixed random values."""
    example = torch.rand(1, channels, *size, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        wanted, got = network(example), module(example)
    differing = int((wanted.argmax(1) != got.argmax(1)).sum())
    return {"size": list(size), "largest_value": float(wanted.abs().max()), "largest_difference": float((wanted - got).abs().max()),
            "voxels": wanted[0, 0].numel(), "differing_labels": differing}


def pin(bundle, digest):
    """The hash into serving.json, beside what stands there."""
    file = bundle.folder / "configs/serving.json"
    serving = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps({**serving, "sha256": digest}, indent=2) + "\n")


def import_bundle(folder, weights):
    bundle = MonaiBundle(folder)
    network = bundle.network_def()
    load_weights(network, bundle.folder / weights)
    channels, (window, other) = input_channels(bundle), input_sizes(bundle)
    file = bundle.folder / "models/model.ts"
    made = "as it was"
    if not file.exists():
        with torch.inference_mode():
            module, made = as_torchscript(network, torch.zeros(1, channels, *window))
        file.parent.mkdir(exist_ok=True)
        module.save(str(file))
    module = torch.jit.load(str(file), map_location="cpu").eval()
    sizes = (window, other) if made != "traced" else (window,)
    comparisons = [compare(network, module, channels, size) for size in dict.fromkeys(sizes)]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    report = {"model": made, "sha256": digest, "weights": weights, "torch": torch.__version__, "monai": monai.__version__, "compared": comparisons}
    (file.parent / "import.json").write_text(json.dumps(report, indent=2) + "\n")
    for seen in comparisons:
        print(f"{seen['size']}: largest difference {seen['largest_difference']:.1e} of values up to {seen['largest_value']:.1f}, "
              f"{seen['differing_labels']} of {seen['voxels']} labels differ")
        if not seen["largest_difference"] <= TOLERANCE * max(1.0, seen["largest_value"]):
            if made != "as it was":
                file.unlink()  # nothing that is wrong is left to be served
            raise SystemExit(f"models/model.ts differs from the network: more than {TOLERANCE} of the largest value")
    pin(bundle, digest)
    print(f"models/model.ts ({made}) is the bundle's network; sha256 {digest}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", help="the bundle's folder")
    parser.add_argument("--weights", default="models/model.pt", help="state dictionary, in the bundle; default models/model.pt")
    arguments = parser.parse_args()
    import_bundle(arguments.bundle, arguments.weights)


if __name__ == "__main__":
    main()
