"""Contenders compute the same. TensorFlow's in this process, others in processes of their own."""

import importlib
import importlib.util
import os

import numpy as np
import pytest

from benchmarks.bit import lineup
from benchmarks.bit.contenders import keras_resnet
from benchmarks.bit.process import TORCH_PYTHON, Worker
from benchmarks.bit.task import CHECKED_LOSSES
from benchmarks.kit import rounds

TENSORFLOW = [
    lineup.OURS_GRAPH,
    lineup.OURS_FOLDED,
    lineup.SERVED,
    lineup.KERAS_COMPILE,
]
TORCH = [lineup.TORCH_EAGER, lineup.TORCH_FOLDED]


def computed(contender, task):
    module = importlib.import_module(f"benchmarks.bit.contenders.{contender.module}")
    iteration = module.prepare(task, contender.mode)
    return np.array([iteration() for _ in range(CHECKED_LOSSES)] if task.training else iteration())


def from_process(contender, task):
    with Worker(contender, task) as worker:
        worker.ready()
        return worker.check()


@pytest.fixture(scope="module")
def expected(tiny):
    """training -> the first losses, or the logits, of Keras' own layers."""
    return {training: computed(lineup.KERAS_GRAPH, tiny(training)) for training in (False, True)}


@pytest.mark.parametrize("contender", TENSORFLOW, ids=lambda c: c.name)
def test_inference_gives_equal_logits(contender, tiny, expected):
    values = {"keras": expected[False], "other": computed(contender, tiny(False))}
    rounds.require_equal("keras", values, training=False)


@pytest.mark.parametrize(
    "contender", [lineup.OURS_GRAPH, lineup.KERAS_COMPILE], ids=lambda c: c.name
)
def test_training_gives_equal_losses(contender, tiny, expected):
    values = {"keras": expected[True], "other": computed(contender, tiny(True))}
    rounds.require_equal("keras", values, training=True)


def test_losses_fall_so_that_equality_says_something(expected):
    assert (np.diff(expected[True]) < -1e-2).all()


def test_a_contender_with_another_epsilon_is_refused(tiny, expected, monkeypatch):
    layer = keras_resnet.keras.layers.GroupNormalization
    monkeypatch.setattr(
        keras_resnet.keras.layers,
        "GroupNormalization",
        lambda **settings: layer(**{**settings, "epsilon": 0.1}),
    )
    wrong = computed(lineup.KERAS_GRAPH, tiny(False))
    with pytest.raises(rounds.BenchmarkError, match="not timed"):
        rounds.require_equal("a", {"a": expected[False], "b": wrong}, training=False)


@pytest.mark.benchmarks
@pytest.mark.skipif(
    not os.environ.get("BENCHMARKS"), reason="starts JAX; `make test-benchmarks` runs it"
)
def test_jax_trains_as_tensorflow_does_in_a_process_of_its_own(tiny, expected):
    with Worker(lineup.on_cpu(lineup.JAX), tiny(True)) as worker:
        assert set(worker.ready()) == {"jax", "keras"}
        values = {"keras": expected[True], "jax": worker.check()}
        assert len(worker.run(2)) == 2
    assert worker.exit_code == 0
    rounds.require_equal("keras", values, training=True)


@pytest.mark.skipif(
    TORCH_PYTHON not in os.environ and importlib.util.find_spec("torch") is None,
    reason=f"torch is not installed, and {TORCH_PYTHON} names no environment with it",
)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("contender", TORCH, ids=lambda c: c.name)
def test_pytorch_computes_the_same(contender, training, tiny, expected):
    if training and contender is lineup.TORCH_FOLDED:
        pytest.skip("folded kernels are for inference")
    values = {"keras": expected[training], "torch": from_process(contender, tiny(training))}
    rounds.require_equal("keras", values, training=training)
