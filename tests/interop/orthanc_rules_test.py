# venv: dicom
"""Orthanc's bridge: which series go to which model, and which have gone. scripts/test-pacs tries the bridge as a whole."""
import json
import sys

import pytest

from support import ROOT

sys.path.insert(0, str(ROOT / "deploy/orthanc"))
from voxd_rules import Rule, digest_of, read_rules, rule_for  # noqa: E402


@pytest.fixture(scope="module")
def rules():
    return read_rules(json.loads((ROOT / "deploy/orthanc/python.json").read_text())["Voxd"]["Rules"])


def rule(**settings):
    return Rule({"Model": "m", **settings}, "Voxd.Rules[0]")


@pytest.mark.parametrize("tags, model", [
    ({"Modality": "CT", "SeriesDescription": "Abdomen 2.0"}, "spleen_on_ct"),
    ({"Modality": "CT"}, "spleen_on_ct"),
    ({"Modality": "CT", "SeriesDescription": "Topogram 0.6"}, None),
    ({"Modality": "MR", "SeriesDescription": "AX T1 MPRAGE", "BodyPartExamined": "HEAD"}, "brain_extraction"),
    ({"Modality": "MR", "SeriesDescription": "AX T2", "BodyPartExamined": "HEAD"}, None),
    ({"Modality": "MR", "SeriesDescription": "T1"}, None),
    ({}, None),
])
def test_the_examples_rules_choose_by_modality_and_description(rules, tags, model):
    found = rule_for(rules, tags)
    assert (found.model if found else None) == model


def test_the_first_rule_that_fits_counts():
    first, second = rule(Model="first", Tags={"Modality": "CT"}), rule(Model="second")
    assert rule_for([first, second], {"Modality": "CT"}) is first
    assert rule_for([first, second], {"Modality": "MR"}) is second


@pytest.mark.parametrize("modality", ["SEG", "RTSTRUCT", "SR", "PR", "US"])
def test_a_rule_for_everything_takes_images_only(modality):
    assert rule_for([rule()], {"Modality": modality}) is None


@pytest.mark.parametrize("settings, said", [
    (None, "Voxd.Rules: expected a list of one or more rules"),
    ([], "Voxd.Rules: expected a list of one or more rules"),
    ([{"Tags": {}}], r"Voxd.Rules\[0\].Model: the name of a model is missing"),
    ([{"Model": "m"}, {"Model": "m", "Tag": {}}], r"Voxd.Rules\[1\]: unknown 'Tag'"),
    ([{"Model": "m", "Outputs": []}], r"Voxd.Rules\[0\].Outputs: \[\], expected one or more of seg, rtstruct"),
    ([{"Model": "m", "Outputs": ["mask"]}], r"Voxd.Rules\[0\].Outputs: \['mask'\]"),
    ([{"Model": "m", "Tags": {"Modality": "("}}], r"Voxd.Rules\[0\].Tags.Modality: no regular expression"),
    ([{"Model": "m", "Tags": {"Modality": 1}}], r"Voxd.Rules\[0\].Tags.Modality: no regular expression"),
])
def test_settings_that_make_no_rule_are_named(settings, said):
    with pytest.raises(ValueError, match=said):
        read_rules(settings)


def test_the_digest_is_that_of_model_outputs_and_images_in_any_order():
    one = digest_of(rule(), ["a", "b"])
    assert one == digest_of(rule(Outputs=["rtstruct", "seg"]), ["b", "a"])
    others = [digest_of(rule(), ["a"]), digest_of(rule(), ["a", "b", "c"]), digest_of(rule(), ["ab"]),
              digest_of(rule(Model="n"), ["a", "b"]), digest_of(rule(Outputs=["seg"]), ["a", "b"])]
    assert len({one, *others}) == 6
