# venv: monai
"""The race of tests/bench/peer, on a small patient: both sides answer, with the same voxels, and the tables are written."""
import json
import subprocess
import sys

from support import ROOT


def test_the_race_ends_with_a_table_of_equal_masks(tmp_path):
    race = [sys.executable, ROOT / "tests/bench/peer/race.py", "--rows", "B", "--requests", "1", "--clients", "0", "--shape", "96", "96", "48",
            "--out", tmp_path]
    ended = subprocess.run(race, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    (row,) = json.loads((tmp_path / "race.json").read_text())
    assert row["differing"]["MASK"] <= 5 and row["dice"] > 0.9999, row  # two best classes closer than float32's rounding
    assert row["mask_voxels"] > 1000
    assert all(ms > 0 for side in row["stages"].values() for ms in (side["pre"], side["network"], side["post"])), row
    assert f"**{row['ratio']:.1f}x**" in (tmp_path / "race.md").read_text() and f"**{row['ratio']:.1f}x**" in ended.stdout
    assert (tmp_path / "race.svg").read_text().startswith("<svg")
