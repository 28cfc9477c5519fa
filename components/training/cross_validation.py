"""What heads say of the training pictures that they have not seen: by that, wrong labels are found.

K heads on the features that are there, each trained without one fold: seconds, where training the
network K times would take hours.
"""

from __future__ import annotations

import collections
import hashlib
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import tensorflow as tf

from components.bit.hyperrule import HyperRule
from components.training import probe
from components.training.guesses import FILE, Guess
from components.training.probe import Examples

FOLDS = 5  # as cleanlab and scikit-learn take by default
_MOMENTUM = 0.9  # as `probe.fit`
# As many as the gate keeps of an answer.
_MOST_LABELS = 5
# About a minute of two cores. Thousands of classes would take hours.
_MOST_FLOP = 2e12


def is_affordable(examples: Examples, num_classes: int, rule: HyperRule) -> bool:
    """Whether it is a matter of seconds; there must be enough pictures to leave a fold out."""
    width = examples.values.shape[-1]
    flop = 4.0 * rule.steps * rule.batch_size * width * FOLDS * num_classes
    return len(examples.labels) >= FOLDS and flop <= _MOST_FLOP


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
    width = values.shape[-1]
    kernel = np.zeros((width, FOLDS * num_classes), np.float32)
    bias = np.zeros(FOLDS * num_classes, np.float32)
    speed, bias_speed = np.zeros_like(kernel), np.zeros_like(bias)
    weight = np.ones(num_classes, np.float32) if class_weights is None else class_weights
    batches = probe.order(len(values), values.shape[1], rule.batch_size, seed)
    for step, (rows, views) in zip(range(rule.steps), batches, strict=False):
        batch = (values[rows, views] - mean) / spread
        wrong = _softmax((batch @ kernel + bias).reshape(-1, FOLDS, num_classes))
        wrong[np.arange(len(rows)), :, labels[rows]] -= 1
        # A head is not told of its fold.
        seen = (fold[rows, None] != np.arange(FOLDS)) * weight[labels[rows], None]
        wrong *= (seen / np.maximum((seen > 0).sum(axis=0), 1))[..., None]
        slope = wrong.reshape(len(rows), -1)
        rate = np.float32(rule.learning_rate_at(step))
        speed = _MOMENTUM * speed - rate * (batch.T @ slope)
        bias_speed = _MOMENTUM * bias_speed - rate * slope.sum(axis=0)
        kernel += speed
        bias += bias_speed
    found = np.empty((len(values), num_classes), np.float32)
    for number in range(FOLDS):
        unseen = fold == number
        columns = slice(number * num_classes, (number + 1) * num_classes)
        shown = (values[unseen, 0] - mean) / spread
        found[unseen] = _softmax(shown @ kernel[:, columns] + bias[columns])
    return found


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
