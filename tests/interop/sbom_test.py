# venv: tritonclient-new
"""The bill of materials names what the built programs load and what is compiled into them."""
import hashlib
import json
import re
import subprocess

import pytest

from support import BIN, ROOT

SBOM = ROOT / "scripts/sbom"


@pytest.fixture(scope="module")
def bill():
    return json.loads(subprocess.run([SBOM, BIN.parent.name], stdout=subprocess.PIPE, check=True).stdout)


def test_it_is_cyclonedx_of_this_version(bill):
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.5", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    assert re.search(rf"project\(voxd VERSION {bill['metadata']['component']['version']} ", (ROOT / "CMakeLists.txt").read_text())
    for program in bill["metadata"]["component"]["components"]:
        assert program["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256((BIN / program["name"]).read_bytes()).hexdigest()}]


def test_every_library_that_a_program_loads_is_there(bill):
    packages = {component["name"] for component in bill["components"] if component["purl"].startswith("pkg:deb/")}
    in_wheels = {part["name"] for component in bill["components"] for part in component.get("components", [])}
    for program in ("voxd", "voxd_decoder", "voxd_probe", "voxctl"):
        listing = subprocess.run(["ldd", BIN / program], stdout=subprocess.PIPE, text=True, check=True).stdout
        for name, path in re.findall(r"(\S+) => (/\S+)", listing):
            if ".deps" in path:
                assert name in in_wheels
            else:
                owners = subprocess.run(["dpkg-query", "-S", f"*/{name}"], stdout=subprocess.PIPE, text=True).stdout
                assert packages & set(re.findall(r"^([^:,\s]+)", owners, re.M)), name


def test_headers_without_a_library_are_there(bill):
    assert {"nlohmann-json3-dev", "libcli11-dev"} <= {component["name"] for component in bill["components"]}


def test_who_depends_on_whom_names_components_only(bill):
    known = {component["bom-ref"] for component in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert len(known) == len(bill["components"]) + 1, "no component stands twice"
    assert {edge["ref"] for edge in bill["dependencies"]} == known
    assert all(set(edge["dependsOn"]) <= known for edge in bill["dependencies"])
    needed = {ref for edge in bill["dependencies"] for ref in edge["dependsOn"]}
    assert needed == known - {bill["metadata"]["component"]["bom-ref"]}, "everything is there for something"


def test_a_preset_that_is_not_built_is_refused():
    ended = subprocess.run([SBOM, "nothing"], stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 1 and "nothing/bin/voxd" in ended.stderr and ended.stderr.startswith("sbom: not found: ")
