"""The steps of a run one after another: progress, curves, checkpoints, divergence."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf

from bitpipe.errors import TrainingError
from components import progress
from components.bit.hyperrule import HyperRule

STAGE = "Trainer"

# Loss and accuracy are shown as means over so many steps: smooth, yet without the first ones.
_WINDOW_STEPS = 20

Batch = tuple[tf.Tensor, tf.Tensor]
Step = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
# Gets finished steps, and loss, accuracy and learning_rate over the window that ends there.
Record = Callable[[int, dict[str, float]], None]


def nowhere(step: int, values: dict[str, float]) -> None:
    """Records nothing."""


def train(
    step: Step,
    batches: Iterable[Batch],
    rule: HyperRule,
    *,
    start: int = 0,
    after_step: Callable[[int], bool] = lambda _: False,
    record: Record = nowhere,
    log_dir: str | None = None,
) -> float:
    """Takes steps `start` to `rule.steps`.

    Args:
        step: (images, labels) -> (loss, accuracy).
        batches: at least `rule.steps - start` of them.
        rule: steps, batch size and learning rate.
        start: steps that an earlier run has taken.
        after_step: called with the number of finished steps; True ends the training.
        record: called with the points of the curve, before `after_step`.
        log_dir: where TensorBoard finds the curves.

    Returns:
        The share of the time in which the devices waited for pictures, from the second step on
        (0 when there is none): the first one fills the cache and compiles.

    Raises:
        TrainingError: the loss stopped being a finite number, the memory is too small, or another
            worker is gone.
    """
    iterator = iter(batches)
    window: list[tuple[float, float]] = []
    waited = began = wait_share = 0.0
    with _writer(log_dir) as write:
        for done in range(start + 1, rule.steps + 1):
            asked = time.monotonic()
            images, labels = next(iterator)
            waited += time.monotonic() - asked
            loss, accuracy = _taken(step, images, labels)
            if not np.isfinite(loss):
                raise TrainingError(
                    f"training diverged: the loss is {loss} at step {done} of {rule.steps}. "
                    f"Lower train.learning_rate (now {rule.learning_rate:g})."
                )
            speed = 0.0
            if done == start + 1:
                began, waited = time.monotonic(), 0.0
            else:
                elapsed = time.monotonic() - began
                speed = (done - start - 1) * rule.batch_size / elapsed
                wait_share = waited / elapsed
            if done % _WINDOW_STEPS == 1:
                window = []
            window.append((loss, accuracy))
            means = np.mean(window, axis=0)
            shown = {"loss": float(means[0]), "accuracy": float(means[1])}
            told = {"images_per_s": speed, "input_wait": wait_share}
            if done % _WINDOW_STEPS == 0 or done == rule.steps:
                point = shown | {"learning_rate": rule.learning_rate_at(done - 1)}
                write(done, point | told)
                record(done, point)
            ends = after_step(done)
            progress.report(STAGE, done, rule.steps, **shown, **told)
            if ends:
                break
    return wait_share


def _taken(step: Step, images: tf.Tensor, labels: tf.Tensor) -> tuple[float, float]:
    try:
        loss, accuracy = step(images, labels)
        return float(loss), float(accuracy)  # waits for the devices
    except tf.errors.ResourceExhaustedError as error:
        raise TrainingError(
            "the memory is too small for the training step. Set train.micro_batch_size lower "
            "(a divisor of train.batch_size), or train.crop and train.resize."
        ) from error
    except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
        raise TrainingError(
            "another worker stopped answering during the training step. Start all workers again: "
            "they go on from the last checkpoint."
        ) from error


@contextlib.contextmanager
def _writer(log_dir: str | None) -> Iterator[Callable[[int, dict[str, float]], None]]:
    writer = tf.summary.create_file_writer(log_dir) if log_dir else tf.summary.create_noop_writer()

    def write(step: int, values: dict[str, float]) -> None:
        with writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        writer.flush()

    try:
        yield write
    finally:
        writer.close()
