"""A bundle run by MONAI itself, on the CPU: what `import_bundle` and `parity` compare voxd with. The bundle's own Python code is run: use it on
bundles that you trust."""
import sys
import time
from pathlib import Path

import torch
from monai.bundle import ConfigParser


class MonaiBundle:
    """The chain of a bundle's inference config. Nothing is written: SaveImaged is left out."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        configs = self.folder / "configs"
        found = [configs / f"inference{suffix}" for suffix in (".json", ".yaml", ".yml") if (configs / f"inference{suffix}").is_file()]
        if not found:
            raise FileNotFoundError(f"{configs}: there is no inference.json, .yaml or .yml")
        sys.path.insert(0, str(self.folder))  # a network of the bundle's own
        self.parser = ConfigParser()
        self.parser.read_config(found[0])
        if (configs / "metadata.json").is_file():
            self.parser.read_meta(configs / "metadata.json")
        self.parser["bundle_root"], self.parser["output_dir"], self.parser["device"] = str(self.folder), "unused", "cpu"
        self.stages_ms = {}

    def _timed(self, stage, work):
        start = time.perf_counter()
        result = work()
        self.stages_ms[stage] = 1000 * (time.perf_counter() - start)
        return result

    def network_def(self):
        """The network that the config describes, without weights."""
        for name in ("network_def", "network"):
            if name in self.parser:
                return self.parser.get_parsed_content(name).eval()
        raise KeyError("the config has neither network_def nor network")

    def inferer(self):
        return self.parser.get_parsed_content("inferer")

    def preprocess(self, files):
        """The dictionary that the network is given the `image` of."""
        self.preprocessing = self.parser.get_parsed_content("preprocessing")
        names = [str(file) for file in files]
        return self._timed("pre", lambda: self.preprocessing({"image": names if len(names) > 1 else names[0]}))

    def infer(self, item, network):
        with torch.inference_mode():
            item["pred"] = self._timed("network", lambda: self.inferer()(item["image"][None], network)[0])
        return item

    def post_steps(self):
        """The transforms after the network, without those that write files."""
        compose = self.parser.get_parsed_content("postprocessing")
        return [step for step in compose.transforms if type(step).__name__ != "SaveImaged"]

    def postprocess(self, item):
        def run():
            result = item
            for step in self.post_steps():
                result = step(result)
            return result

        return self._timed("post", run)

    def run(self, files, network):
        """The whole chain; the result's voxels lie under `pred`."""
        return self.postprocess(self.infer(self.preprocess(files), network))
