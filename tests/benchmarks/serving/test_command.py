"""The command, with scenarios that measure nothing."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from benchmarks.kit.project import BenchmarkError
from benchmarks.serving import __main__ as command
from benchmarks.serving.__main__ import SCENARIOS, Scenario
from benchmarks.serving.bench import Bench
from benchmarks.serving.goals import Goal, Section


@pytest.fixture
def log(monkeypatch):
    """What scenarios and models were asked for, all of them replaced."""
    asked = []

    def replaced(name, tiny):
        async def run(bench):
            asked.append(f"run {name}")
            goals = [Goal("seed", 0, True, bench.seed)]
            return Section(name, f"Title of {name}", ("", "n"), [("row", "1")], goals)

        return Scenario(lambda _: asked.append(f"prepare {name}"), run, tiny)

    for name, scenario in SCENARIOS.items():
        monkeypatch.setitem(SCENARIOS, name, replaced(name, scenario.tiny))
    monkeypatch.setattr(Bench, "write_models", lambda _, names: asked.append(f"write {names}"))
    return asked


def invoke(*arguments):
    return CliRunner().invoke(command.main, arguments)


def test_all_scenarios_are_prepared_before_the_first_one_runs(log):
    run = invoke("--quick")
    assert run.exit_code == 0, run.output
    names = list(SCENARIOS)
    assert log[1:] == [f"prepare {name}" for name in names] + [f"run {name}" for name in names]
    for name in names:
        assert f"Title of {name}" in " ".join(run.output.split())


def test_only_the_chosen_ones_run_in_the_usual_order(log):
    invoke("--quick", "--only", "soak", "--only", "throughput", "--only", "soak")
    assert log[1:] == ["prepare throughput", "prepare soak", "run throughput", "run soak"]


@pytest.mark.parametrize(
    ("arguments", "models"),
    [
        (["--only", "soak"], ["tiny"]),
        (["--only", "throughput"], ["r50x1"]),
        (["--only", "throughput", "--only", "soak"], ["r50x1", "tiny"]),
        (["--quick"], ["tiny"]),
    ],
)
def test_only_models_that_are_needed_are_written(log, arguments, models):
    invoke(*arguments)
    assert log[0] == f"write {models}"


def test_results_are_written_as_json_and_markdown(log, tmp_path):
    run = invoke(
        *("--quick", "--only", "soak", "--seed", "7"),
        *("--json", str(tmp_path / "x.json"), "--markdown", str(tmp_path / "x.md")),
    )
    assert run.exit_code == 0, run.output
    content = json.loads((tmp_path / "x.json").read_text())
    assert content["seed"] == 7
    [section] = content["sections"]
    assert (section["name"], section["goals"][0]["measured"]) == ("soak", 7)
    assert "**Title of soak**" in (tmp_path / "x.md").read_text()


def test_unknown_scenario_is_refused_with_those_that_there_are(log):
    run = invoke("--only", "speed")
    assert run.exit_code == 2
    assert "'speed' is not one of" in run.output
    assert all(f"'{name}'" in run.output for name in SCENARIOS)
    assert not log


def test_failure_is_told_in_one_sentence(log, monkeypatch):
    def prepare(_):
        raise BenchmarkError("no room left")

    monkeypatch.setitem(SCENARIOS, "soak", Scenario(prepare, SCENARIOS["soak"].run))
    run = invoke("--quick", "--only", "soak")
    assert run.exit_code == BenchmarkError.exit_code
    assert run.exit_code not in (0, 2)
    assert "Error: no room left\n" in run.output
    assert isinstance(run.exception, SystemExit)


def test_help_and_the_sender_of_load_never_load_tensorflow():
    code = (
        "import sys\nfrom benchmarks.serving.__main__ import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print([n for n in ('tensorflow', 'keras', 'tfx') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.endswith("[]\n")
    assert "--only" in done.stdout
