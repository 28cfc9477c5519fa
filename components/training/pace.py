"""How long training takes here, measured before it starts, and what to tell of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from components import progress
from components.bit.hyperrule import HyperRule
from components.settings import TrainSettings
from components.training import loop
from components.training.durations import in_words

# More are no faster there, and of a large network they take minutes.
PICTURES_ON_A_CPU = 4
# What a gradient takes at least, in forward passes: two more, by counting multiplications. Measured
# 2.5 (R14x0.5, 32 px) to 3.4 (R50x1, 224 px) on two cores; kernels folded in the forward pass.
LEAST_GRADIENT_COST = 2.5
# A head's step of a batch: 4,000 steps of 64 pictures took 15.9 s on one busy core.
HEAD_STEP_S = 0.004
# Beyond this, or train.minutes, there is something to be said of what takes less.
_LONG_S = 600.0
_MOST_PASSES = 200
# Halving the size is not offered below it: little is left to be seen.
_SMALLEST_PX = 96
_MEASURED_STEPS = 3
_LEAST_MEASURED_S = 0.2


def seconds(call: Callable[[], Any]) -> float:
    """The shortest of some calls; the first one, which compiles, does not count."""
    _wait(call())
    best, began = float("inf"), time.monotonic()
    while True:
        started = time.monotonic()
        _wait(call())
        best = min(best, time.monotonic() - started)
        if time.monotonic() - began > _LEAST_MEASURED_S:
            return best


def _wait(result: Any) -> None:
    for tensor in tf.nest.flatten(result):
        tensor.numpy()


def patience_s(settings: TrainSettings) -> float:
    """Seconds that training may take without a word on what takes less."""
    return _LONG_S if settings.minutes is None else 60 * settings.minutes


def of_fine_tuning(rule: HyperRule, gradient_s: float) -> float:
    """Seconds of all steps, where the gradient of a picture takes `gradient_s`."""
    return rule.steps * rule.batch_size * gradient_s


def about(
    method: str, took: float, rule: HyperRule, most_s: float, others: dict[str, float]
) -> str:
    """The sentence before a run: how long it takes here and, if that is long, what takes less.

    Args:
        method: that is to come.
        took: its seconds.
        rule: steps, batch and size.
        most_s: what is not long, of `patience_s`.
        others: seconds of methods that could be had instead.
    """
    text = f"{method} takes about {in_words(took)} here"
    if method != "probe":
        text += f": {rule.steps:,} steps of {rule.batch_size} pictures at {rule.crop} px"
    if took <= most_s:
        return text
    faster = [
        f"train.method={name} about {in_words(other)}"
        for name, other in sorted(others.items(), key=lambda item: item[1])
        if other < took / 2
    ]
    if method != "probe" and (steps := int(rule.steps * most_s / took)):
        faster.append(f"train.steps={steps} about {in_words(most_s)}")
    if (small := rule.crop // 2) >= _SMALLEST_PX:
        fraction = (small / rule.crop) ** 2
        sizes = f"train.crop={small} with train.resize={max(small, rule.resize // 2)}"
        faster.append(f"{sizes} about {in_words(fraction * took)}")
    return f"{text}. Faster: {'; '.join(faster)}" if faster else text


def of_schedule(rule: HyperRule, pictures: int) -> str | None:
    """What to say where the schedule is far more than the pictures ask for; None where it is not.

    Args:
        rule: steps and batch size.
        pictures: to train on.
    """
    passes = rule.steps * rule.batch_size / pictures
    enough = ""
    text = f"{rule.steps:,} steps of {rule.batch_size} pictures"
    if rule.batch_size > pictures:
        text += f", more than the {pictures} there are to train on,"
        enough = f"train.batch_size={1 << (pictures.bit_length() - 1)}"
    if passes > _MOST_PASSES:
        enough = f"train.epochs={_MOST_PASSES}"
    if not enough:
        return None
    return f"{text} show each picture {passes:,.0f} times; {enough} may do as well"


class FirstSteps:
    """Says after the first steps of a run how long all of them take.

    Args:
        start: steps that an earlier run has taken.
        rule: of the run.
        most_s: see `about`.
    """

    def __init__(self, start: int, rule: HyperRule, most_s: float) -> None:
        self._start = start
        self._most_s = most_s
        self._rule = rule
        self._since = 0.0

    def at(self, done: int) -> None:
        """Is told every finished step."""
        if done == self._start + 1:  # the first one compiles, and fills the cache
            self._since = time.monotonic()
        if done == self._start + 1 + _MEASURED_STEPS and done < self._rule.steps:
            step_s = (time.monotonic() - self._since) / _MEASURED_STEPS
            left = (self._rule.steps - done) * step_s
            progress.say(loop.STAGE, about("fine_tune", left, self._rule, self._most_s, {}))
