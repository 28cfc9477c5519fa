"""What the loop tells while it trains, and how it ends when it cannot go on."""

import time

import pytest
import tensorflow as tf

from bitpipe.errors import TrainingError
from components import progress
from components.bit.hyperrule import HyperRule
from components.training import loop

RULE = HyperRule(
    steps=12,
    warmup_steps=0,
    boundaries=(),
    learning_rate=0.02,
    batch_size=8,
    resize=32,
    crop=32,
    eval_size=32,
    mixup_alpha=0.0,
)
PAUSE_S = 0.02


def batches(pause_s=0.0):
    while True:
        time.sleep(pause_s)
        yield None, None


def step(pause_s=0.0, loss=1.0):
    def taken(images, labels):
        time.sleep(pause_s)
        return tf.constant(loss), tf.constant(0.5)

    return taken


def test_waiting_for_pictures_is_told_from_computing():
    assert loop.train(step(), batches(PAUSE_S), RULE) > 0.7
    assert loop.train(step(PAUSE_S), batches(), RULE) < 0.3


def test_the_first_step_which_compiles_counts_neither_as_waiting_nor_as_speed():
    slow_start = iter([0.5])

    def starting(images, labels):
        time.sleep(next(slow_start, PAUSE_S))
        return tf.constant(1.0), tf.constant(0.5)

    reports = []
    with progress.listen(lambda *report: reports.append(report)):
        loop.train(starting, batches(), RULE)
    *_, metrics = reports[-1]
    assert metrics["images_per_s"] > RULE.batch_size * RULE.steps / (0.5 + RULE.steps * PAUSE_S)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_with_the_remedy(loss):
    with pytest.raises(TrainingError, match=r"step 1 of 12\. Lower train\.learning_rate"):
        loop.train(step(loss=loss), batches(), RULE)


def test_a_memory_that_is_too_small_stops_with_the_remedy():
    def hungry(images, labels):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    with pytest.raises(TrainingError, match=r"train\.micro_batch_size lower"):
        loop.train(hungry, batches(), RULE)


def test_a_run_that_goes_on_takes_the_steps_that_are_left():
    done = []
    loop.train(step(), batches(), RULE, start=9, after_step=done.append)
    assert done == [10, 11, 12]
