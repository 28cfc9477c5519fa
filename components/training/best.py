"""The weights that did best on held-out pictures, and whether more training is of use."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bitpipe.model.training import Point
from components.training import checkpoints

_log = logging.getLogger(__name__)

# The one before stays until a checkpoint follows the newest: a killed run goes on from there.
_KEPT = 2
_NAME = re.compile(r"best-(\d+)\.index")
# Beside the checkpoints.
_CURVE = "curve.json"

Score = tuple[float, float]


class Curve:
    """The points of one phase of a run, in memory and in the folder of its checkpoints."""

    def __init__(self, phase: str, folder: str | None = None) -> None:
        self._phase = phase
        self._folder = folder
        self.points: list[Point] = []

    def add(self, step: int, **values: Any) -> None:
        """Adds a point of this step, or these values to the point that is there."""
        if self.points and self.points[-1].step == step:
            self.points[-1] = dataclasses.replace(self.points[-1], **values)
        else:
            self.points.append(Point(phase=self._phase, step=step, **values))

    def add_all(self, step: int, values: dict[str, float]) -> None:
        """See `components.training.loop.Record`."""
        self.add(step, **values)

    def save(self) -> None:
        """Writes the points, all or none of them."""
        if self._folder:
            points = [dataclasses.asdict(point) for point in self.points]
            checkpoints.write_json(self._folder, _CURVE, points)

    def resume(self, step: int) -> None:
        """Takes up the points of an earlier run up to `step`, as far as they can be read."""
        if not self._folder or not step:
            return
        with contextlib.suppress(tf.errors.OpError, OSError, ValueError, TypeError):
            with tf.io.gfile.GFile(f"{self._folder}/{_CURVE}") as file:
                found = [Point(**point) for point in json.loads(file.read())]
            self.points = [point for point in found if point.step <= step]


class Lookout:
    """Looks at held-out pictures every so many steps.

    Args:
        look: cross-entropy and accuracy on them.
        curve: gets what was seen, and says on a resumed run what was seen before.
        every: steps between two looks.
        steps: of the whole phase; the last one is looked at, too.
        patience: looks without a better one after which training ends; `None` for never.
    """

    def __init__(
        self,
        look: Callable[[], Score],
        curve: Curve,
        *,
        every: int,
        steps: int,
        patience: int | None,
    ) -> None:
        self._look = look
        self._curve = curve
        self._every = every
        self._steps = steps
        self._patience = patience

    @property
    def best(self) -> Point | None:
        """The best look so far: the highest accuracy, then the lowest loss, then the first."""
        return max(self._looks, key=_merit, default=None)

    @property
    def is_over(self) -> bool:
        """Whether patience is at its end."""
        best, looks = self.best, self._looks
        if self._patience is None or best is None:
            return False
        return len(looks) - 1 - looks.index(best) >= self._patience

    def at(self, step: int) -> bool:
        """Looks, if it is time to; returns whether this was the best look so far."""
        return not (step % self._every and step != self._steps) and self.look(step)

    def look(self, step: int) -> bool:
        """The same, at once."""
        loss, accuracy = self._look()
        self._curve.add(step, held_out_loss=loss, held_out_accuracy=accuracy)
        _log.info("Step %d: held-out loss %.4f, accuracy %.4f.", step, loss, accuracy)
        best = self.best
        return best is not None and best.step == step

    def forget(self) -> None:
        """Drops what was seen: the weights that it was seen of are gone."""
        self._curve.points = [
            dataclasses.replace(one, held_out_loss=None, held_out_accuracy=None)
            for one in self._curve.points
        ]

    @property
    def _looks(self) -> list[Point]:
        return [point for point in self._curve.points if point.held_out_accuracy is not None]


class Ends:
    """Of the networks at the ends of a run's phases the best on the held-out pictures.

    Args:
        model: in training.

    Attributes:
        undone: whether `restore` takes back the last phase that was looked at.
    """

    def __init__(self, model: keras.Model) -> None:
        self.undone = False
        self._model = model
        self._best: Point | None = None
        self._weights: list[np.ndarray] = []

    def add(self, curve: Sequence[Point], step: int | None) -> None:
        """The network of now ends a phase, with the look after `step`; `None` where none was."""
        looks = [one for one in curve if one.step == step and one.held_out_accuracy is not None]
        if not looks:
            return
        self.undone = self._best is not None and _merit(looks[-1])[:2] < _merit(self._best)[:2]
        if not self.undone:
            self._best, self._weights = looks[-1], self._model.get_weights()

    def restore(self) -> int | None:
        """Gives the model the best weights, the later of equals; returns the step of their look."""
        if self._best is None:
            return None
        self._model.set_weights(self._weights)
        return self._best.step


class BestWeights:
    """A network's best weights, on the disk beside its checkpoints."""

    def __init__(self, folder: str, model: keras.Model) -> None:
        self._folder = folder
        self._checkpoint = tf.train.Checkpoint(model=[v.value for v in model.variables])

    def save(self, step: int) -> None:
        """Keeps the weights of now."""
        self._checkpoint.write(f"{self._folder}/best-{step}")
        names = map(_NAME.fullmatch, tf.io.gfile.listdir(self._folder))
        steps = sorted(int(match[1]) for match in names if match)
        for old in [old for old in steps if old <= step][:-_KEPT]:
            for path in tf.io.gfile.glob(f"{self._folder}/best-{old}.*"):
                tf.io.gfile.remove(path)

    def has(self, step: int) -> bool:
        """Whether the weights of this step are there and whole."""
        return checkpoints.is_whole(f"{self._folder}/best-{step}")

    def restore(self, step: int) -> None:
        """Gives the network the weights of this step."""
        self._checkpoint.read(f"{self._folder}/best-{step}").assert_consumed()


def score(logits: np.ndarray, labels: np.ndarray) -> tuple[float, int]:
    """Sum of cross-entropies and number of right answers of (N, classes) logits, (N,) labels."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    of_label = shifted[np.arange(len(labels)), labels]
    return float((log_sum - of_label).sum()), int((logits.argmax(axis=1) == labels).sum())


def mean_score(parts: Sequence[tuple[float, int, int]]) -> Score:
    """Mean cross-entropy and accuracy of parts: sum, right answers, pictures."""
    losses, right, count = (sum(column) for column in zip(*parts, strict=True))
    return losses / count, right / count


def _merit(point: Point) -> tuple[float, float, int]:
    assert point.held_out_accuracy is not None
    assert point.held_out_loss is not None
    loss = point.held_out_loss
    return point.held_out_accuracy, -loss if np.isfinite(loss) else -np.inf, -point.step
