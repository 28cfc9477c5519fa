"""The protocol, without a framework and then with a real process."""

import dataclasses
import io
import json

import numpy as np
import pytest

from benchmarks.bit import worker
from benchmarks.bit.lineup import TORCH_EAGER
from benchmarks.bit.process import Worker
from benchmarks.bit.task import Task, Unavailable
from benchmarks.kit.project import BenchmarkError


def answers(requests, training):
    """Replies to requests when the n-th iteration gives n, and the iterations taken."""
    taken = []

    def iteration():
        taken.append(len(taken))
        return np.float32(len(taken))

    replies = io.StringIO()
    worker.answer(requests, replies, iteration, Task("", "R14x0.5", 32, 1, training))
    return [json.loads(line) for line in replies.getvalue().splitlines()], len(taken)


def test_training_is_checked_on_three_losses():
    assert answers(["check\n"], training=True) == ([{"values": [1, 2, 3]}], 3)


def test_inference_is_checked_on_one_answer():
    assert answers(["check\n"], training=False) == ([{"values": 1}], 1)


def test_run_times_each_iteration_after_one_that_does_not_count():
    [reply], taken = answers(["run 4\n"], training=False)
    assert taken == 5
    assert len(reply["seconds"]) == 4
    assert min(reply["seconds"]) >= 0


def test_unknown_request_is_an_error():
    with pytest.raises(ValueError, match="asked for 'walk'"):
        answers(["walk\n"], training=False)


def test_missing_framework_is_unavailable_not_a_failure(tiny, tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('no torch', name='torch')")
    contender = dataclasses.replace(TORCH_EAGER, environment={"PYTHONPATH": str(tmp_path)})
    monkeypatch.delenv("BENCH_TORCH_PYTHON", raising=False)
    with Worker(contender, tiny(False)) as process, pytest.raises(Unavailable) as reason:
        process.ready()
    assert str(reason.value) == "torch is not installed"


def test_death_of_a_process_is_told_with_its_last_words(tiny, tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("import no_such_module")
    contender = dataclasses.replace(TORCH_EAGER, environment={"PYTHONPATH": str(tmp_path)})
    monkeypatch.delenv("BENCH_TORCH_PYTHON", raising=False)
    message = "process of PyTorch, eager ended with code 1: .*'no_such_module'"
    with Worker(contender, tiny(False)) as process, pytest.raises(BenchmarkError, match=message):
        process.ready()


def test_unknown_interpreter_is_told(tiny, monkeypatch):
    monkeypatch.setenv("BENCH_TORCH_PYTHON", "/no/such/python")
    with pytest.raises(
        BenchmarkError, match=r"/no/such/python cannot be run .* BENCH_TORCH_PYTHON"
    ):
        Worker(TORCH_EAGER, tiny(False))
