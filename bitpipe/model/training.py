"""How an exported model was trained: a file beside it, for reports and for people.

The Trainer writes it. TensorFlow ignores what lies in `assets.extra`; TFX and the Pusher carry it
along. It holds no times of day and no durations: the same run writes the same file.
"""

from __future__ import annotations

import dataclasses
import json

from bitpipe.stores.open import store_of
from bitpipe.stores.paths import join

# Below the model's folder.
FILE = "assets.extra/training.json"
_FORM = 1

# Values of `Point.phase`.
HEAD, NETWORK = PHASES = ("probe", "fine_tune")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """A point of the learning curve.

    A point holds what was known at its step: loss and accuracy of the last 20 steps' batches, or
    those of the held-out pictures, or both; `None` where it was not looked.

    Attributes:
        phase: `HEAD` while a head is trained on frozen features, `NETWORK` while all weights are.
        step: finished optimiser steps of this phase, from 0.
        loss: cross-entropy of the training batches, by `train.class_weights`, in nats.
        accuracy: of the training batches, 0 to 1, as they were augmented.
        learning_rate: of this step.
        held_out_loss: cross-entropy of the held-out pictures (`train.keep_best`), each counting 1.
        held_out_accuracy: of the held-out pictures, 0 to 1.
    """

    phase: str
    step: int
    loss: float | None = None
    accuracy: float | None = None
    learning_rate: float | None = None
    held_out_loss: float | None = None
    held_out_accuracy: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """How a model was trained.

    Attributes:
        method: `fine_tune`, `probe` or `probe_then_fine_tune`.
        reason: why this one, in words; what `train.method` says, or what `auto` went by.
        start: what its weights were at the beginning, in words.
        trained: pictures that it was trained on.
        held_out: pictures of the training split that it was not trained on, 0 without
            `train.keep_best`.
        best_step: that of the exported weights, in the phase that they end, where `train.keep_best`
            chose them; else `None`.
        curve: in the order of the training; `probe_then_fine_tune` ends with a second phase `HEAD`.
    """

    method: str
    reason: str
    trained: int
    held_out: int
    best_step: int | None
    curve: tuple[Point, ...]
    start: str = ""

    def to_json(self) -> str:
        """The content of `FILE`: the attributes by their names, and `form`, which is 1."""
        return json.dumps({"form": _FORM} | dataclasses.asdict(self), indent=1) + "\n"


def read(path: str) -> Training | None:
    """How the model in a folder, on a disk or in a store, was trained.

    Returns:
        None where nothing is known of it, or there is no sense in what is.
    """
    try:
        known = json.loads(store_of(path).read(join(path, FILE)))
        if known.pop("form") != _FORM:
            return None
        curve = tuple(Point(**point) for point in known.pop("curve"))
        return Training(curve=curve, **known)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
