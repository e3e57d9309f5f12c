"""Which series go to which model, and which have gone already. Nothing of Orthanc or gRPC."""
import hashlib
import json
import re

IMAGES = ("CT", "MR", "PT")  # never results, voxd's or another's
OUTPUTS = ("seg", "rtstruct")


class Rule:
    """A model, what is wanted of it, and for which series: every named tag must match its pattern (re.search, whatever the case)."""

    def __init__(self, settings, place):
        """`settings` as in Voxd.Rules; `place` names them in errors. Throws ValueError."""
        unknown = sorted(set(settings) - {"Model", "Outputs", "Tags"})
        if unknown:
            raise ValueError(f"{place}: unknown {unknown[0]!r}; known are Model, Outputs, Tags")
        if not isinstance(settings.get("Model"), str) or not settings["Model"]:
            raise ValueError(f"{place}.Model: the name of a model is missing")
        self.model = settings["Model"]
        self.outputs = settings.get("Outputs", list(OUTPUTS))
        if not isinstance(self.outputs, list) or not self.outputs or not all(output in OUTPUTS for output in self.outputs):
            raise ValueError(f"{place}.Outputs: {self.outputs!r}, expected one or more of {', '.join(OUTPUTS)}")
        self._patterns = {tag: pattern_of(pattern, f"{place}.Tags.{tag}") for tag, pattern in settings.get("Tags", {}).items()}

    def fits(self, tags):
        return all(pattern.search(str(tags.get(tag, ""))) for tag, pattern in self._patterns.items())


def pattern_of(text, place):
    try:
        return re.compile(text, re.IGNORECASE)
    except (re.error, TypeError) as error:
        raise ValueError(f"{place}: no regular expression: {error}") from error


def read_rules(settings):
    """Voxd.Rules as rules, in order."""
    if not isinstance(settings, list) or not settings:
        raise ValueError("Voxd.Rules: expected a list of one or more rules")
    return [Rule(rule, f"Voxd.Rules[{i}]") for i, rule in enumerate(settings)]


def rule_for(rules, tags):
    """The first rule that fits what all images of a series have in common (`tags`, name to value); None for no rule or no images."""
    if tags.get("Modality") not in IMAGES:
        return None
    return next((rule for rule in rules if rule.fits(tags)), None)


def digest_of(rule, instances):
    """What a series' results depend on: model, outputs and the images, in any order. Orthanc's names of instances follow from their UIDs."""
    what = [rule.model, sorted(set(rule.outputs)), sorted(set(instances))]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()
