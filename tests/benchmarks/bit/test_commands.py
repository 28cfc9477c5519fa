"""The commands, end to end on a tiny network, and their reports."""

import dataclasses
import json
import os

import pytest
from click.testing import CliRunner
from rich.console import Console

from benchmarks.bit import __main__ as bit
from benchmarks.bit import accelerator, comparison, lineup, markdown
from benchmarks.bit.comparison import Result
from benchmarks.bit.task import Task
from benchmarks.kit.project import BenchmarkError

TRAIN = lineup.BIT_ROWS[0]


@pytest.fixture
def without_torch(monkeypatch, tmp_path):
    """Torch cannot be imported, installed or not."""
    monkeypatch.delenv("BENCH_TORCH_PYTHON", raising=False)
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('no torch', name='torch')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.fixture
def result():
    seconds = {"Keras, tf.function": [0.2] * 4, "ours": [0.1, 0.1, 0.1, 0.5]}
    left_out = {"PyTorch, eager": "torch is not installed"}
    task = Task("", "R50x1", 128, 32, True)
    return Result(TRAIN, task, seconds, left_out, {"keras": "3.0", "tensorflow": "2.16"})


@pytest.mark.benchmarks
@pytest.mark.skipif(
    not os.environ.get("BENCHMARKS"), reason="takes a minute; `make test-benchmarks` runs it"
)
def test_quick_run_measures_checks_and_reports_without_torch(without_torch, tmp_path, monkeypatch):
    # Half of the contenders: the other half has starting a process in common with them.
    fewer = (lineup.KERAS_GRAPH, lineup.OURS_GRAPH, lineup.TORCH_EAGER)
    rows = (dataclasses.replace(TRAIN, contenders=fewer),)
    monkeypatch.setattr(lineup, "BIT_ROWS", rows)
    paths = [tmp_path / "out.json", tmp_path / "out.md"]
    arguments = ["--quick", "--row", "train", "--json", str(paths[0]), "--markdown", str(paths[1])]
    run = CliRunner().invoke(bit.main, arguments)
    assert run.exit_code == 0, run.output
    shown = " ".join(run.output.split())
    assert "PyTorch, eager: left out, torch is not installed; install the extra" in shown
    [row] = json.loads(paths[0].read_text())["rows"]
    assert set(row["seconds"]) == {"Keras, tf.function", "ours"}
    assert len(set(map(len, row["seconds"].values()))) == 1
    assert [goal["met"] is None for goal in row["goals"]] == [False, True]
    assert "R14x0.5 at 32 px, training step, batch 2" in paths[1].read_text()


def test_ours_cannot_be_left_out(without_torch, tiny):
    renamed = dataclasses.replace(lineup.TORCH_EAGER, name="ours", family="ours")
    row = dataclasses.replace(TRAIN, contenders=(renamed,), judged=renamed)
    with pytest.raises(BenchmarkError, match="ours cannot be run: torch is not installed"):
        comparison.compare(row, tiny(True), count=2, turn_s=0)


@pytest.mark.parametrize("rounds", ["3", "0"])
def test_odd_rounds_are_refused(rounds):
    run = CliRunner().invoke(bit.main, ["--rounds", rounds])
    assert run.exit_code == 2
    assert f"must be even, so that both orders count equally. Received: {rounds}." in run.output


def test_medians_and_ratios_are_those_of_the_measurements(result):
    text = markdown.markdown("a machine", [result])
    assert "| ours | 100.0 ms | 100.0 to 400.0 | 320.0 | 2.00 |  |" in text
    assert "| Keras, tf.function | 200.0 ms | 200.0 to 200.0 | 160.0 | 1.00 | 2.00 |" in text
    assert "a machine; keras 3.0, tensorflow 2.16; 20" in text


def test_terminal_shows_goals_met_and_those_not_judged(result):
    with (console := Console(width=100)).capture() as capture:
        markdown.show(console, "a machine", [result])
    shown = capture.get()
    assert "ours against Keras, tf.function, at least 1.3 times as fast: yes, 2.00 times" in shown
    assert "ours against pytorch, faster: not judged, it did not run" in shown
    assert "PyTorch, eager: left out, torch is not installed." in shown


def test_goal_that_is_missed_says_so(result):
    slow = dataclasses.replace(result, seconds={**result.seconds, "ours": [0.19] * 4})
    assert "at least 1.3 times as fast: NO, 1.05 times" in markdown.markdown("", [slow])


def test_accelerator_benchmark_without_one_says_so_and_ends_well(monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    run = CliRunner().invoke(accelerator.main, [])
    assert run.exit_code == 0
    assert run.output.startswith("No measurement: JAX finds no accelerator here.")
