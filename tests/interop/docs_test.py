# venv: tritonclient-new
"""What the pages tell a reader to type is run: per page one shell session with every sh and python block, in order.

Commands that install, build, or run for minutes are covered elsewhere (.ci/run runs them); of those it is checked that they exist.
A demo that nothing else runs is run here, in the checkout that its programs are built in.
"""
import contextlib
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from support import BIN, ROOT, free_port

PAGES = ["README.md", "CONTRIBUTING.md", "server/README.md", "models/README.md", "deploy/orthanc/README.md"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SCRIPT = re.compile(r"(?:scripts/(?:setup|demo|test|test-image|test-pacs)|\.ci/run)$")
# voxd's own; a test takes free ports instead.
ADDRESS, METRICS_ADDRESS = "127.0.0.1:8001", "127.0.0.1:8002"
RUN_IN_CHECKOUT = ["scripts/demo --dicom"]


def blocks(page):
    return BLOCK.findall((ROOT / page).read_text())


def check_covered(command):
    """True if the command is one that is only looked at: it names scripts and presets that exist."""
    words = command.split()
    if words[:2] == ["git", "clone"] or words[0] == "cd":
        return True
    if SCRIPT.search(words[0]):
        assert os.access(ROOT / words[0], os.X_OK), f"{words[0]} is not there, or not executable"
        presets = words[words.index("--preset") + 1:][:1] if "--preset" in words else []
    elif words[0] == "cmake":
        presets = words[words.index("--preset") + 1:][:1]
        assert presets, f"a preset is the only documented way to build: {command}"
    else:
        return False
    known = [preset["name"] for preset in json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]]
    assert all(preset in known for preset in presets), command
    return True


def shell_of(language, text):
    """The block as lines of a bash script."""
    if language == "python":
        return f"{sys.executable} - <<'END_OF_BLOCK'\n{text}END_OF_BLOCK\n"
    lines = text.replace("\\\n", " ").splitlines()
    in_checkout = [str(ROOT / line) if line in RUN_IN_CHECKOUT else line for line in lines]
    return "\n".join(run for line, run in zip(lines, in_checkout)
                     if run != line or not line.strip() or line.startswith("#") or not check_covered(line)) + "\n"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_page_works(page, tmp_path):
    script = "".join(shell_of(language, text) for language, text in blocks(page) if language in ("sh", "python"))
    for entry in ROOT.iterdir():
        if entry.name != "build":
            (tmp_path / entry.name).symlink_to(entry)  # what the commands write stays out of the checkout
    (tmp_path / "build/release").mkdir(parents=True)
    (tmp_path / "build/release/bin").symlink_to(BIN)
    # Servers that a page starts are stopped at its end, and must stop well.
    script = f"set -euo pipefail\n{script}\nfor job in $(jobs -p); do kill -TERM $job; wait $job; done\n"
    address, metrics_address = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    script = script.replace(ADDRESS, address).replace(METRICS_ADDRESS, metrics_address)
    process = subprocess.Popen(["bash", "-c", script], cwd=tmp_path, env={**os.environ, "VOXD_ADDRESS": address, "VOXD_METRICS_ADDRESS": metrics_address},
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=600)
    finally:
        with contextlib.suppress(ProcessLookupError):  # the whole session, whatever the page left running
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, f"{output}\n--- of ---\n{script}"


def test_the_cpp_example_of_the_readme_is_the_one_that_is_built():
    [example] = [text for language, text in blocks("README.md") if language == "cpp"]
    assert example == (ROOT / "client/example.cpp").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"


def test_every_preset_is_in_the_readmes_table():
    presets = json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]
    table = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(table) == sorted(preset["name"] for preset in presets if not preset.get("hidden"))
