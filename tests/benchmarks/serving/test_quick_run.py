"""The command as a user runs it: real servers, the tiny model, and every scenario once."""

import json
import math
import os
import subprocess
import sys

import pytest

from benchmarks.serving.__main__ import SCENARIOS

pytestmark = pytest.mark.e2e

TIMEOUT_S = 500
# Goals that no speed of a machine excuses; the ratios of a quick run mean nothing.
CORRECT = {
    "throughput": ["requests that failed"],
    "overhead": [],
    "tiny": ["requests that failed"],
    "overload": ["requests neither answered nor refused for lack of room"],
    "settings": ["requests that failed"],
    "swaps": [
        "requests that failed",
        "versions that did not come into service",
        "answers of an older version than one before the request",
    ],
    "malformed": [
        "crashes",
        "good requests answered as before, over gRPC and REST",
        "answers that blame the server, or none",
        "errors with a traceback in the log",
    ],
    "hostile": [
        "good requests and health checks that failed",
        "requests of a foreign web page that were executed",
        "errors with a traceback in the log",
        "crashes",
    ],
    "soak": ["answers with another code than they should have"],
}
# What may come from strangers. Swaps and hostile clients have tests of their own beside the
# server's; the others are about speed.
FAULTS = ("malformed",)


def quick_run(folder, names):
    """The sections of a quick run of the scenarios `names`, of which none made a mistake."""
    paths = [folder / "out.json", folder / "out.md"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.serving", "--quick"),
            *(argument for name in names for argument in ("--only", name)),
            *("--json", str(paths[0]), "--markdown", str(paths[1])),
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    sections = {s["name"]: s for s in json.loads(paths[0].read_text())["sections"]}
    assert list(sections) == list(names)
    missed = []
    for name, section in sections.items():
        goals = {goal["goal"]: goal for goal in section["goals"]}
        for text in CORRECT[name]:
            if not goals[text]["met"]:
                missed.append("\n".join([f"{name}: {goals[text]}", *section["notes"]]))
        # Whatever was to be measured was, but how fast refusals are if nobody had to be refused.
        measured = [g["measured"] for t, g in goals.items() if "refusals" not in t]
        assert all(value is not None and math.isfinite(value) for value in measured), goals
        assert section["title"] in paths[1].read_text()
    assert not missed, "\n".join(missed)
    return sections


def test_every_scenario_is_run_here():
    assert list(SCENARIOS) == list(CORRECT)


def test_quick_run_under_faults_finds_no_mistake_of_the_server(tmp_path):
    sections = quick_run(tmp_path, FAULTS)
    assert sum(sections["malformed"]["measured"]["codes"].values()) == 400


@pytest.mark.benchmarks
@pytest.mark.skipif(
    not os.environ.get("BENCHMARKS"), reason="takes minutes; `make test-benchmarks` runs it"
)
def test_quick_run_under_load_measures_everything_and_the_server_makes_no_mistake(tmp_path):
    sections = quick_run(tmp_path, [name for name in SCENARIOS if name not in FAULTS])
    assert min(map(min, sections["throughput"]["measured"]["rates"].values())) > 0
    assert sum(sections["soak"]["measured"]["codes"].values()) > 100
