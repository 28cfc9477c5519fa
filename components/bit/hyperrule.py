"""BiT-HyperRule: from two facts about a dataset to everything fine-tuning needs to know.

Source: "Big Transfer (BiT)", arXiv:1912.11370, section 3.3, and `bit_hyperrule.py` of
google-research/big_transfer.
"""

import dataclasses
import difflib
import math
import operator
from typing import Any

from bitpipe.errors import ConfigError

LARGEST_RESIZE = 512  # pixels; that of large pictures
REFERENCE_BATCH_SIZE = 512  # paper, section 3.3: the batch all numbers below belong to
BASE_LEARNING_RATE = 0.003  # paper, section 3.3
DECAY = 0.1  # paper, section 3.3: "decayed by a factor of 10"
SMALL_IMAGE_AREA = 96 * 96  # px, bit_hyperrule.get_resolution
MIXUP_ALPHA = 0.1  # paper, section 3.3


@dataclasses.dataclass(frozen=True, kw_only=True)
class HyperRule:
    """Hyperparameters of one fine-tuning run; checked on construction.

    Attributes:
        steps: optimiser steps, each on `batch_size` examples.
        warmup_steps: steps over which the learning rate grows linearly from 0.
        boundaries: steps after which the learning rate is multiplied by 0.1, ascending.
        learning_rate: peak learning rate of SGD with momentum 0.9, already scaled to `batch_size`.
        batch_size: examples per optimiser step (the effective batch, not the micro-batch).
        resize: side in pixels to which an image is resized, both ways.
        crop: side in pixels of the random crop taken from it.
        eval_size: side in pixels to which evaluation and serving resize: the crop in the reference;
            larger ones suit what was trained on smaller ones ("Fixing the train-test resolution
            discrepancy", arXiv:1906.06423).
        mixup_alpha: parameter of Beta(alpha, alpha); 0.0 means no MixUp.

    Raises:
        ConfigError: a value is out of range, or two contradict each other.
    """

    steps: int
    warmup_steps: int
    boundaries: tuple[int, ...]
    learning_rate: float
    batch_size: int
    resize: int
    crop: int
    eval_size: int
    mixup_alpha: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "boundaries", tuple(self.boundaries))
        for name in ("steps", "batch_size", "resize", "crop", "eval_size"):
            _require_integer(name, getattr(self, name), minimum=1)
        _require_integer("warmup_steps", self.warmup_steps, minimum=0)
        for boundary in self.boundaries:
            _require_integer("boundaries", boundary, minimum=0)
        _require_positive("learning_rate", self.learning_rate)
        if not (math.isfinite(self.mixup_alpha) and self.mixup_alpha >= 0):
            raise ConfigError(
                "mixup_alpha must be 0 (no MixUp) or a positive number. "
                f"Received: {self.mixup_alpha!r}."
            )
        order = (self.warmup_steps, *self.boundaries, self.steps)
        if list(order) != sorted(order):
            raise ConfigError(
                "warm-up, decay boundaries and steps must follow each other. Received: "
                f"warmup_steps={self.warmup_steps}, boundaries={self.boundaries}, "
                f"steps={self.steps}. Set `steps` alone to have the others rescaled."
            )
        if self.crop > self.resize:
            raise ConfigError(
                "crop must not exceed resize, from which it is cut. "
                f"Received: crop={self.crop}, resize={self.resize}. Set both."
            )

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of the 0-based optimiser step `step`.

        Linear from 0 during the warm-up, then multiplied by 0.1 after every boundary. As in
        `bit_hyperrule.get_lr`, the step that equals a boundary still has the higher rate. Beyond
        `steps` the last rate holds.

        Raises:
            ConfigError: `step` is negative.
        """
        if step < 0:
            raise ConfigError(f"step must be 0 or more. Received: {step!r}.")
        if step < self.warmup_steps:
            return self.learning_rate * step / self.warmup_steps
        return self.learning_rate * DECAY ** sum(step > boundary for boundary in self.boundaries)

    def with_overrides(self, **overrides: Any) -> "HyperRule":
        """This rule with some fields replaced and the dependent ones kept in proportion.

        A new `batch_size` scales the learning rate linearly and the steps inversely; new `steps`
        scale warm-up and boundaries; a new `crop` is evaluated at as well. Fields named in
        `overrides` are taken as they are.

        Raises:
            ConfigError: an unknown field, a value out of range, or contradicting values.
        """
        known = [field.name for field in dataclasses.fields(self)]
        for name in overrides:
            if name not in known:
                raise ConfigError(
                    f"unknown hyperparameter {name!r}{_suggestion(name, known)} "
                    f"Known: {', '.join(known)}."
                )
        derived: dict[str, Any] = {}
        if "batch_size" in overrides:
            batch_size = _require_integer("batch_size", overrides["batch_size"], minimum=1)
            derived["learning_rate"] = self.learning_rate * batch_size / self.batch_size
            derived["steps"] = max(1, round(self.steps * self.batch_size / batch_size))
        steps = overrides.get("steps", derived.get("steps", self.steps))
        scale = _require_integer("steps", steps, minimum=1) / self.steps
        derived["warmup_steps"] = round(self.warmup_steps * scale)
        derived["boundaries"] = tuple(round(boundary * scale) for boundary in self.boundaries)
        if "crop" in overrides:
            derived["eval_size"] = overrides["crop"]
        return dataclasses.replace(self, **(derived | overrides))


def for_dataset(
    num_examples: int,
    image_area: float,
    *,
    batch_size: int = REFERENCE_BATCH_SIZE,
    base_lr: float = BASE_LEARNING_RATE,
) -> HyperRule:
    """The HyperRule's choice for a dataset.

    For a batch of B instead of 512 the learning rate is scaled by B/512 and the steps by 512/B, as
    in the blog post's code. Warm-up and boundaries are scaled with the steps, so that the schedule
    is the same function of the examples seen; left unscaled, a batch of 64 would spend nine tenths
    of its 4,000 steps at the lowest learning rate.

    Args:
        num_examples: training examples.
        image_area: median height * width of the images, in pixels.
        batch_size: examples per optimiser step.
        base_lr: peak learning rate at batch size 512.

    Raises:
        ConfigError: an argument is not positive.
    """
    _require_integer("num_examples", num_examples, minimum=1)
    _require_positive("image_area", image_area)
    _require_positive("base_lr", base_lr)
    if num_examples < 20_000:  # paper, section 3.3: small tasks
        steps, warmup_steps, boundaries, mixup_alpha = 500, 100, (200, 300, 400), 0.0
    elif num_examples < 500_000:  # medium tasks
        steps, warmup_steps, boundaries, mixup_alpha = 10_000, 500, (3000, 6000, 9000), MIXUP_ALPHA
    else:
        steps, warmup_steps, boundaries, mixup_alpha = (
            20_000,
            500,
            (6000, 12_000, 18_000),
            MIXUP_ALPHA,
        )
    resize, crop = (160, 128) if image_area < SMALL_IMAGE_AREA else (LARGEST_RESIZE, 480)
    rule = HyperRule(
        steps=steps,
        warmup_steps=warmup_steps,
        boundaries=boundaries,
        learning_rate=float(base_lr),
        batch_size=REFERENCE_BATCH_SIZE,
        resize=resize,
        crop=crop,
        eval_size=crop,
        mixup_alpha=mixup_alpha,
    )
    return rule.with_overrides(batch_size=batch_size)


def _require_integer(name: str, value: Any, *, minimum: int) -> int:
    try:
        integer = operator.index(value)
    except TypeError:
        integer = minimum - 1
    if integer < minimum or isinstance(value, bool):
        raise ConfigError(f"{name} must be an integer of at least {minimum}. Received: {value!r}.")
    return integer


def _require_positive(name: str, value: Any) -> None:
    if not isinstance(value, (int, float)) or not (math.isfinite(value) and value > 0):
        raise ConfigError(f"{name} must be a positive number. Received: {value!r}.")


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else "."
