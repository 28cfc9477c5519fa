"""What heads say of the training pictures that they have not seen: by that, wrong labels are found.

K heads on the features that are there, each trained without one fold: seconds, where training the
network K times would take hours.
"""

from __future__ import annotations

import collections
import functools
import hashlib
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import tensorflow as tf

from bitpipe.wording import counted
from components.bit.hyperrule import HyperRule
from components.bit.momentum import MOMENTUM
from components.training import pace, probe
from components.training.durations import in_words
from components.training.guesses import FILE, Guess
from components.training.probe import Examples

FOLDS = 5  # as cleanlab and scikit-learn take by default
# As many as the gate keeps of an answer.
_MOST_LABELS = 5
# Two cores do 2e12 in about a minute. Thousands of classes would take hours.
_FLOP_PER_S = 2e12 / 60
_MOST_S = 60.0


def obstacle(pictures: int, width: int, num_classes: int, rule: HyperRule) -> str | None:
    """Why it is not to be had, in words; `None` where it is a matter of seconds.

    Args:
        pictures: that have features.
        width: of the features.
        num_classes: outputs of a head.
        rule: steps and batch size.
    """
    if pictures < FOLDS:
        return f"{counted(pictures, 'picture')} cannot be dealt into {FOLDS} folds"
    seconds = 2 * _of_all_steps(width, num_classes, rule) / _FLOP_PER_S
    if seconds <= _MOST_S:
        return None
    classes = counted(num_classes, "class", plural="classes")
    return (
        f"{FOLDS} heads of {classes} on {width:,} features (steps: {rule.steps:,}, batch size: "
        f"{rule.batch_size:,}) would take two cores about {in_words(seconds)}, more than "
        f"{in_words(_MOST_S)}"
    )


def folds(labels: np.ndarray, digests: Sequence[bytes]) -> np.ndarray:
    """The fold (N,) of each picture: even in each class, by the digests; equal ones together."""
    by_label: dict[int, set[bytes]] = collections.defaultdict(set)
    for label, digest in zip(labels.tolist(), digests, strict=True):
        by_label[label].add(digest)
    of: dict[bytes, int] = {}
    for label in sorted(by_label):
        # Hashed again: the split of the gate is cut from the digests themselves.
        order = sorted(by_label[label], key=lambda one: hashlib.sha256(one).digest())
        for place, digest in enumerate(order):
            of.setdefault(digest, (label + place) % FOLDS)
    return np.array([of[digest] for digest in digests], np.int64)


def predict(
    examples: Examples,
    num_classes: int,
    rule: HyperRule,
    *,
    seed: int,
    class_weights: np.ndarray | None = None,
) -> np.ndarray:
    """Probabilities (N, classes) of each picture by the head that was trained without its fold.

    Each head is trained as `probe.fit` trains its one, all of them in one pass over the pictures.

    Args:
        examples: with digests.
        num_classes: outputs of a head.
        rule: of `probe.rule_for`.
        seed: of the order of pictures and views.
        class_weights: see `probe.fit`.
    """
    values, labels = examples.values, examples.labels
    fold = folds(labels, examples.digests)
    mean, spread = probe.standard(values)
    heads = _Heads(values.shape[-1], num_classes)
    weight = np.ones(num_classes, np.float32) if class_weights is None else class_weights
    batches = probe.order(len(values), values.shape[1], rule.batch_size, seed)
    for step, (rows, views) in zip(range(rule.steps), batches, strict=False):
        batch = (values[rows, views] - mean) / spread
        # A head is not told of its fold.
        seen = (fold[rows, None] != np.arange(FOLDS)) * weight[labels[rows], None]
        heads.step(batch, labels[rows], seen, rule.learning_rate_at(step))
    found = np.empty((len(values), num_classes), np.float32)
    for number in range(FOLDS):
        unseen = fold == number
        found[unseen] = heads.answers(number, (values[unseen, 0] - mean) / spread)
    return found


class _Heads:
    """A head of zeros for each fold, side by side in one kernel.

    Args:
        width: of the features.
        num_classes: outputs of a head.
    """

    def __init__(self, width: int, num_classes: int) -> None:
        self._num_classes = num_classes
        self._kernel = np.zeros((width, FOLDS * num_classes), np.float32)
        self._bias = np.zeros(FOLDS * num_classes, np.float32)
        self._speed, self._bias_speed = np.zeros_like(self._kernel), np.zeros_like(self._bias)

    def step(self, batch: np.ndarray, labels: np.ndarray, seen: np.ndarray, rate: float) -> None:
        """Takes standardised features (B, C), labels (B,), what counts for whom (B, FOLDS)."""
        logits = batch @ self._kernel + self._bias
        wrong = _softmax(logits.reshape(-1, FOLDS, self._num_classes))
        wrong[np.arange(len(labels)), :, labels] -= 1
        wrong *= (seen / np.maximum((seen > 0).sum(axis=0), 1))[..., None]
        slope = wrong.reshape(len(labels), -1)
        stride = np.float32(rate)
        self._speed = MOMENTUM * self._speed + batch.T @ slope
        self._bias_speed = MOMENTUM * self._bias_speed + slope.sum(axis=0)
        self._kernel -= stride * self._speed
        self._bias -= stride * self._bias_speed

    def answers(self, number: int, shown: np.ndarray) -> np.ndarray:
        """Probabilities (N, classes) of standardised features (N, C) by one of the heads."""
        columns = slice(number * self._num_classes, (number + 1) * self._num_classes)
        return _softmax(shown @ self._kernel[:, columns] + self._bias[columns])


def multiplications(pictures: int, width: int, num_classes: int, rule: HyperRule) -> float:
    """Of numbers in all steps of `predict`; 0 where there is an `obstacle`, and it is not done."""
    if obstacle(pictures, width, num_classes, rule):
        return 0.0
    return _of_all_steps(width, num_classes, rule)


def _of_all_steps(width: int, num_classes: int, rule: HyperRule) -> float:
    """Multiplications, forward and back."""
    return 2.0 * rule.steps * rule.batch_size * width * FOLDS * num_classes


def seconds(pictures: int, width: int, num_classes: int, rule: HyperRule) -> float:
    """How long `predict` takes here, measured on a few steps; see `multiplications`."""
    if not multiplications(pictures, width, num_classes, rule):
        return 0.0
    return rule.steps * _seconds_per_step(width, num_classes, rule.batch_size)


@functools.cache
def _seconds_per_step(width: int, num_classes: int, batch_size: int) -> float:
    heads, count = _Heads(width, num_classes), min(batch_size, probe.MOST_MEASURED)
    values, spread = np.zeros((count, 1, width), np.float32), np.ones(width, np.float32)
    rows, labels = np.arange(count), np.zeros(count, np.int64)
    seen = np.ones((count, FOLDS), np.float32)

    def step() -> None:
        heads.step((values[rows, 0] - spread) / spread, labels, seen, 0.0)

    return pace.seconds(step, mean=True) * batch_size / count


def guesses(
    examples: Examples, probabilities: np.ndarray, class_names: Sequence[str]
) -> Iterator[Guess]:
    """The best of the answers in words."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :_MOST_LABELS]
    for row, (digest, label) in enumerate(zip(examples.digests, examples.labels, strict=True)):
        yield Guess(
            sha256=digest.decode(),
            label=class_names[label],
            labels=tuple(class_names[index] for index in best[row]),
            scores=tuple(float(probabilities[row, index]) for index in best[row]),
            label_score=float(probabilities[row, label]),
        )


def write(folder: str, found: Iterator[Guess]) -> None:
    """Writes `guesses.FILE` into the folder of a run."""
    tf.io.gfile.makedirs(folder)
    with tf.io.gfile.GFile(f"{folder.rstrip('/')}/{FILE}", "wb") as file:
        for one in found:
            file.write(msgspec.json.encode(one) + b"\n")


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)
