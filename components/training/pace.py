"""How long training takes here, measured before it starts, and what to tell of it."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bitpipe.wording import counted
from components import progress
from components.bit import hyperrule
from components.bit.hyperrule import HyperRule
from components.settings import OF_A_SCHEDULE, TrainSettings
from components.training import loop
from components.training.durations import in_words
from components.training.method import FINE_TUNE, PROBE

# Measured at a time on a CPU: more of R50x1 at 224 px are no faster, and of larger networks take
# minutes; small ones are (bit-mini at 96 px, gradients, one core: 43 ms a picture, 31 of 32).
_LEAST_PICTURES, _MOST_PICTURES = 4, 32
_LEAST_OF_WEIGHTS, _LEAST_OF_PX = 25e6, 224
# What a gradient takes at least, in forward passes: two more, by counting multiplications. Measured
# 2.5 (R14x0.5, 32 px) to 3.4 (R50x1, 224 px) on two cores; kernels folded in the forward pass.
LEAST_GRADIENT_COST = 2.5
# Beyond this, or train.minutes, there is something to be said of what takes less.
_LONG_S = 600.0
_MOST_PASSES = 200
# Less is not worth a sentence, and another run.
_WORTH_S = 60.0
# Halving the size is not offered below it: little is left to be seen.
_SMALLEST_PX = 96
_MEASURED_STEPS = 3
_LEAST_MEASURED_S = 0.2


def seconds(call: Callable[[], Any], *, mean: bool = False) -> float:
    """The shortest of some calls; the first one, which compiles, does not count.

    Args:
        call: what is measured.
        mean: the mean instead, for what takes milliseconds: the shortest of many has the machine to
            itself, as thousands of them will not where others use it too.
    """
    _wait(call())
    took: list[float] = []
    began = time.monotonic()
    while not took or time.monotonic() - began <= _LEAST_MEASURED_S:
        started = time.monotonic()
        _wait(call())
        took.append(time.monotonic() - started)
    return sum(took) / len(took) if mean else min(took)


def pictures_on_a_cpu(model: keras.Model, size: int) -> int:
    """How many are measured at a time there: about equal work, as a convolution's grows with both.

    Args:
        model: of `resnet_v2.build`.
        size: side in pixels.
    """
    work = model.count_params() / _LEAST_OF_WEIGHTS * (size / _LEAST_OF_PX) ** 2
    return int(np.clip(_LEAST_PICTURES / work, _LEAST_PICTURES, _MOST_PICTURES))


def _wait(result: Any) -> None:
    for tensor in tf.nest.flatten(result):
        np.asarray(tensor)


def patience_s(settings: TrainSettings) -> float:
    """Seconds that training may take without a word on what takes less."""
    return _LONG_S if settings.minutes is None else 60 * settings.minutes


def of_fine_tuning(rule: HyperRule, gradient_s: float) -> float:
    """Seconds of all steps, where the gradient of a picture takes `gradient_s`."""
    return rule.steps * rule.batch_size * gradient_s


@dataclasses.dataclass(frozen=True)
class Took:
    """Seconds of the phases of a method; those that it does not have are 0.

    Attributes:
        features: computing those that are missing, by the number of pixels that are evaluated.
        head: its steps and those of the cross-validation, whatever the size of a picture.
        network: steps of fine-tuning, by the number of pixels of a crop.
    """

    features: float = 0.0
    head: float = 0.0
    network: float = 0.0

    @property
    def total(self) -> float:
        """Of all phases."""
        return self.features + self.head + self.network

    def __add__(self, other: Took) -> Took:
        """Of the phases of both."""
        return Took(
            self.features + other.features, self.head + other.head, self.network + other.network
        )

    def resized(self, fraction: float) -> float:
        """Of all phases, where a picture has so many of its pixels."""
        return fraction * (self.features + self.network) + self.head


def about(
    method: str,
    took: Took,
    rule: HyperRule,
    settings: TrainSettings,
    *,
    pictures: int = 1,
    others: Mapping[str, float] | None = None,
) -> str:
    """The sentence before a run: how long it takes here and, if that is long, what takes less.

    Args:
        method: that is to come.
        took: its seconds.
        rule: of its last phase: steps, batch and size.
        settings: what is long, and what has been said of steps.
        pictures: to train on, at least.
        others: seconds of methods that could be had instead.
    """
    text = f"{method} takes about {in_words(took.total)} here"
    if method != PROBE:
        text += f": {_schedule(rule)} at {rule.crop} px"
    elif settings.method != PROBE and _is_given(settings):
        text += (
            f": a head by {_schedule(rule)}, as the schedule that is given is for the whole network"
        )
    most_s = patience_s(settings)
    if took.total <= most_s:
        return text
    faster = [
        f"train.method={name} about {in_words(other)}"
        for name, other in sorted((others or {}).items(), key=lambda item: item[1])
        if other < took.total / 2
    ]
    of_steps = took.head if method == PROBE else took.network
    left = most_s - (took.total - of_steps)
    steps = int(rule.steps * left / of_steps) if of_steps else 0
    if rule.batch_size == settings.batch_size and steps >= fewest_steps(settings, pictures):
        faster.append(f"{_fewer(steps, rule, settings, method)} about {in_words(most_s)}")
    resized = took.resized(0.25)
    sizes = {PROBE: [rule.eval_size], FINE_TUNE: [rule.crop]}.get(
        method, [rule.crop, rule.eval_size]
    )
    if min(sizes) // 2 >= _SMALLEST_PX and resized < took.total / 2:
        faster.append(f"{_halved(rule, method)} about {in_words(resized)}")
    return f"{text}. Faster: {'; '.join(faster)}" if faster else text


def left(method: str, steps: int, left_s: float) -> str:
    """The sentence before a run that goes on: it has no offers, as other settings start over.

    Args:
        method: that goes on.
        steps: that are left of its last phase.
        left_s: seconds that are left.
    """
    are = "is" if steps == 1 else "are"
    return f"{method} goes on: {counted(steps, 'step')} {are} left, about {in_words(left_s)}"


def fewest_steps(settings: TrainSettings, pictures: int = 1) -> int:
    """Steps below which none are offered.

    The HyperRule's own warm-up of so many pictures: 100 steps of 512, or as many pictures in other
    batches. It does not hang on the steps at hand, so that who takes an offer gets no lower one.
    What is given of a schedule must have its place, and a rate that has grown its time.

    Args:
        settings: batch, and what is given of the schedule.
        pictures: to train on, at least.
    """
    own = hyperrule.for_dataset(max(1, pictures), 1.0, batch_size=settings.batch_size)
    given = (2 * (settings.warmup_steps or 0), *(settings.boundaries or ()))
    return max(1, own.warmup_steps, *given)


def of_schedule(
    method: str,
    rule: HyperRule,
    pictures: int,
    settings: TrainSettings,
    *,
    took_s: float | None = None,
) -> str | None:
    """What to say of a batch of more pictures than there are, and where fewer steps may do as well.

    None where there is neither. A smaller batch is not advised: with it the HyperRule takes more
    steps, and each picture is seen as often.

    Args:
        method: that is to come.
        rule: that it goes by: steps and batch size.
        pictures: to train on.
        settings: what has been said of the schedule.
        took_s: seconds of all steps; None where whatever is saved is worth a word.
    """
    if rule.batch_size != settings.batch_size:  # a head's own: fewer steps would be of that batch
        return None
    enough = math.ceil(_MOST_PASSES * pictures / rule.batch_size)
    steps = max(enough, fewest_steps(settings, pictures))
    saved = 1 - steps / rule.steps
    text = _schedule(rule)
    if rule.batch_size > pictures:
        text += f", more than the {pictures:,} to train on,"
    if took_s is not None and saved * took_s < _WORTH_S:
        return None
    if saved <= 0:
        return f"{text} show some of them twice a step" if rule.batch_size > pictures else None
    passes = rule.steps * rule.batch_size / pictures
    fewer = _fewer(steps, rule, settings, method)
    return f"{text} show each picture {passes:,.0f} times; {fewer} may do as well"


def _is_given(settings: TrainSettings) -> bool:
    """Whether anything has been said of the schedule."""
    given = settings.hyperrule_overrides()
    return settings.epochs is not None or any(name in given for name in OF_A_SCHEDULE)


def _halved(rule: HyperRule, method: str) -> str:
    """The settings of half the size of what takes the time, in the user's words."""
    crop, eval_size = rule.crop // 2, f"train.eval_size={rule.eval_size // 2}"
    sizes = f"train.crop={crop} with train.resize={max(crop, rule.resize // 2)}"
    if rule.eval_size == rule.crop or method == FINE_TUNE:
        return sizes
    return eval_size if method == PROBE else f"{sizes} and {eval_size}"


def _schedule(rule: HyperRule) -> str:
    return f"{counted(rule.steps, 'step')} of {counted(rule.batch_size, 'picture')}"


def _fewer(steps: int, rule: HyperRule, settings: TrainSettings, method: str) -> str:
    """The setting of so many steps, in the user's words; never of more."""
    if method == PROBE and settings.method != PROBE:  # what is given is about the whole network
        asked = f"train.method={PROBE} with train.steps={steps}"
        return asked if settings.epochs is None else f"{asked} and train.epochs=null"
    if settings.epochs is None:
        return f"train.steps={steps}"
    epochs = settings.epochs * steps / rule.steps
    return f"train.epochs={max(0.01, math.floor(100 * epochs) / 100):g}"


class FirstSteps:
    """Says after the first steps of a run how long all of them take, or those that are left.

    Args:
        start: steps that an earlier run has taken.
        rule: of the run.
        settings: see `about`.
    """

    def __init__(self, start: int, rule: HyperRule, settings: TrainSettings) -> None:
        self._start = start
        self._settings = settings
        self._rule = rule
        self._since = 0.0

    def at(self, done: int) -> None:
        """Is told every finished step."""
        if done == self._start + 1:  # the first one compiles, and fills the cache
            self._since = time.monotonic()
        if done == self._start + 1 + _MEASURED_STEPS and done < self._rule.steps:
            step_s = (time.monotonic() - self._since) / _MEASURED_STEPS
            steps = self._rule.steps - done
            if self._start:
                sentence = left(FINE_TUNE, steps, steps * step_s)
            else:
                took = Took(network=self._rule.steps * step_s)
                sentence = about(FINE_TUNE, took, self._rule, self._settings)
            progress.say(loop.STAGE, sentence)
