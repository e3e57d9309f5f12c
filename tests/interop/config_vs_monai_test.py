# venv: monai
"""References, macros and expressions of the configuration language: what voxd's reader and MONAI's ConfigParser make of the same files."""
import ast
import subprocess

import pytest
from monai.bundle import ConfigParser

from support import BIN

COMMON = """{"k": 3, "sizes": [96, 80, 64], "net": {"channels": "@width", "own": "@::twice", "twice": 2}, "deep": {"er": [{"x": 1}, {"x": "@k"}]}}"""
YAML = """
k: 4
rates: [0.25, 1.0e-3]
names: {low: "a", high: "b c"}
"""

# The config and the ids that are compared. Beside it lie common.json and more.yaml.
CONFIGS = {
    "places of the file": (
        """{"sizes": [96, 80, 64], "a": "%sizes", "b": {"c": "%sizes::1", "d": ["%sizes::0", 1]}, "old": "%sizes#2", "text": "%name", "name": "x y"}""",
        ["a", "a::2", "b::c", "old", "text"]),
    "nested places": (
        """{"a": {"b": [{"c": 1.5}, {"c": [true, null]}]}, "x": "%a::b::1::c", "y": "%a::b::0", "z": ["%a::b", 2]}""",
        ["x", "y", "y::c", "z", "z::0::0::c"]),
    "another file": (
        """{"width": 8, "k": "%common.json::k", "sizes": "%common.json::sizes", "last": "%common.json::sizes::2", "net": "%common.json::net"}""",
        ["k", "sizes", "last", "net::channels", "net::twice"]),
    "a file of YAML": (
        """{"k": "%more.yaml::k", "rates": "%more.yaml::rates", "low": "%more.yaml::names::low", "high": "%more.yaml::names"}""",
        ["k", "rates", "low", "high"]),
    "all of a file": (
        """{"k": 7, "width": 1, "all": "%common.json", "pair": ["%more.yaml", 1]}""",
        ["all::k", "all::sizes", "all::deep::er::0", "all::deep::er::1::x", "pair::0::names", "pair::1"]),
    "relative": (
        """{"top": 5, "a": {"x": 1, "y": "@::x", "z": "$@::x + @::::top"}, "far": {"down": "%a"}, "pair": [7, "%::0"], "up": {"here": "%::::top"}}""",
        ["a::y", "a::z", "far::down::y", "far::down::z", "pair", "up::here"]),
    "once, in order": (
        """{"b": "%c", "a": "%b", "c": 1, "list": ["%b", "%c"]}""",
        ["a", "b", "list"]),
    "lists in expressions": (
        """{"a": [1, 2], "b": "%a", "sum": "$@a + @b", "more": "$@a + [3, @n] + @b", "n": 4, "count": "$len(@a + @b)",
            "nested": "$[@a, [@n, 'x'], []]", "times": ["$@n + 1", "@n", "$[@n] + @a"]}""",
        ["sum", "more", "count", "nested", "times"]),
    "expressions": (
        """{"high": false, "n": 2, "root": ".", "out": "$@root + '/eval'", "spacing": "$[1.5, 1.5, 1.5] if @high else [3.0, 3.0, 3.0]",
            "both": "$not @high and @n", "either": "$'' or 'b'", "paren": "$((@n + 1))", "copied": "%spacing"}""",
        ["out", "spacing", "both", "either", "paren", "copied"]),
    "references through macros": (
        """{"sizes": "%common.json::sizes", "first": "@sizes::0", "old": "@sizes#1", "text": "$@sizes::2 + @k", "k": "%more.yaml::k",
            "chain": "@first", "all": {"x": "@chain", "y": ["@old", "$@chain + @old"]}}""",
        ["first", "old", "text", "chain", "all"]),
    "disabled": (
        """{"list": [1, {"_target_": "Compose", "_disabled_": true}, 3], "map": {"a": {"_target_": "Compose", "_disabled_": "True"}, "b": 2}, "again": "%list"}""",
        ["list", "map", "again"]),
}

# What neither of them can resolve.
REFUSED = {
    "no such id": """{"a": "@nowhere"}""",
    "no such place": """{"a": [1], "b": "@a::1"}""",
    "a cycle": """{"a": "@b", "b": "$@a + 1"}""",
    "a macro of a macro": """{"a": "%b", "b": "%c", "c": 1}""",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "common.json").write_text(COMMON)
    (tmp_path / "more.yaml").write_text(YAML)
    monkeypatch.chdir(tmp_path)  # from where MONAI finds the files that macros name
    return tmp_path


def in_voxd(file, ids):
    result = subprocess.run([BIN / "resolve_config", file, *ids], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def in_monai(file):
    parser = ConfigParser()
    parser.read_config(str(file))
    return parser


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_means_what_monai_makes_of_it(name, folder):
    text, ids = CONFIGS[name]
    file = folder / "inference.json"
    file.write_text(text)
    parser = in_monai(file)
    for id_, ours in zip(ids, in_voxd(file, ids), strict=True):
        assert not ours.startswith("error: "), f"{id_}: {ours}"
        expected = parser.get_parsed_content(id_)
        assert ast.literal_eval(ours) == expected, id_


@pytest.mark.parametrize("name", REFUSED)
def test_what_monai_cannot_resolve_is_refused(name, folder):
    file = folder / "inference.json"
    file.write_text(REFUSED[name])
    [ours] = in_voxd(file, ["a" if name != "no such place" else "b"])
    assert ours.startswith("error: ") and "inference.json: " in ours, ours
    parser = in_monai(file)
    try:
        value = parser.get_parsed_content("a" if name != "no such place" else "b")
    except Exception:  # noqa: BLE001  (of whatever kind)
        return
    # MONAI leaves a macro of a macro as text, which nothing can use.
    assert isinstance(value, str) and value.startswith("%"), value
