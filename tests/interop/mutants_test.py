# venv: tritonclient-new
"""The list of mutants is up to date, and those that break the limits of the queue are caught; scripts/mutants tries them all."""
import subprocess

from support import ROOT


def mutants(*options):
    result = subprocess.run([ROOT / "scripts/mutants", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return result.returncode, result.stdout


def test_every_mutant_still_applies():
    status, output = mutants("--check")
    assert status == 0 and output == "40 mutants apply\n"


def test_what_breaks_the_queues_limits_is_caught():
    status, output = mutants("--only", "a queue takes as many bytes")
    assert status == 0, output
    assert "1 of 1 caught" in output


def test_what_changes_nothing_is_said_to_be_missed(tmp_path):
    status, output = mutants("--only", "a queue takes as many bytes", "--at-least", "2")
    assert status == 1 and "at least 2 wanted" in output
