"""Which records of the training split are trained on, and which are held out of it."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import math
import random
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from components import features
from components.settings import TrainSettings

Row = tuple[bytes, bytes]

_READ_AT_ONCE = 256


@dataclasses.dataclass(frozen=True)
class Selection:
    """The records of the training split, in the order of the files, and the part each one plays.

    Attributes:
        rows: label and digest of each.
        trained: whether it is trained on.
        held_out: whether it is looked at to find the best weights; never both.
    """

    rows: tuple[Row, ...]
    trained: tuple[bool, ...]
    held_out: tuple[bool, ...]

    @property
    def num_trained(self) -> int:
        """How many records are trained on."""
        return sum(self.trained)

    @property
    def num_held_out(self) -> int:
        """How many records are held out."""
        return sum(self.held_out)

    def counts(self) -> dict[bytes, int]:
        """Records trained on, per label."""
        pairs = zip(self.rows, self.trained, strict=True)
        return collections.Counter(label for (label, _), taken in pairs if taken)


def select(files: Sequence[str], settings: TrainSettings) -> Selection:
    """Reads labels and digests of all records, decodes nothing, and deals them out.

    Args:
        files: gzipped TFRecords of the training split.
        settings: few-shot draw, held-out share and seed.
    """
    rows = tuple(_rows(files))
    taken = [True] * len(rows)
    if settings.examples_per_class is not None:
        taken = draw(rows, settings.examples_per_class, settings.seed)
    held_out = [False] * len(rows)
    if settings.keep_best:
        held_out = hold_out(rows, taken, settings.held_out_share)
    trained = [one and not other for one, other in zip(taken, held_out, strict=True)]
    return Selection(rows, tuple(trained), tuple(held_out))


def draw(rows: Iterable[Row], per_class: int, seed: int) -> list[bool]:
    """Which of the (label, sha256) rows belong to the draw: at most `per_class` of a label."""
    by_label = collections.defaultdict(list)
    count = 0
    for position, (label, sha256) in enumerate(rows):
        by_label[label].append((sha256, position))
        count = position + 1
    keep = [False] * count
    for label in sorted(by_label):
        candidates = sorted(by_label[label])
        random.Random(f"{seed}/{label!r}").shuffle(candidates)
        for _, position in candidates[:per_class]:
            keep[position] = True
    return keep


def hold_out(rows: Sequence[Row], taken: Sequence[bool], share: float) -> list[bool]:
    """Which of the taken rows are held out: `share` of the pictures of each label, rounded.

    At least one where a label has two different ones or more, and never all of them. Equal pictures
    stay together, also where they bear several labels: one that is held out counts for each, and
    the last one that any of them has to train on is not held out, even where another label then
    has none held out. The choice hangs on labels and digests alone: a picture that is added moves
    few.
    """
    by_label: dict[bytes, set[bytes]] = collections.defaultdict(set)
    labels: dict[bytes, set[bytes]] = collections.defaultdict(set)
    for (label, sha256), is_taken in zip(rows, taken, strict=True):
        if is_taken:
            by_label[label].add(sha256)
            labels[sha256].add(label)
    left = {label: len(digests) for label, digests in by_label.items()}
    chosen: set[bytes] = set()
    for label in sorted(by_label):
        # Hashed again: the split of the gate is cut from the digests themselves.
        order = sorted(by_label[label], key=lambda sha256: hashlib.sha256(sha256).digest())
        count = num_held_out(len(order), share)
        for sha256 in order:
            if len(order) - left[label] >= count:
                break
            if sha256 not in chosen and all(left[one] > 1 for one in labels[sha256]):
                chosen.add(sha256)
                for one in labels[sha256]:
                    left[one] -= 1
    return [
        is_taken and sha256 in chosen for (_, sha256), is_taken in zip(rows, taken, strict=True)
    ]


def num_held_out(pictures: float, share: float) -> int:
    """How many different pictures of a class are held out; see `hold_out`."""
    return max(0, min(max(1, round(share * pictures)), math.ceil(pictures) - 1))


def class_weights(selection: Selection, class_names: Sequence[str]) -> np.ndarray:
    """(classes,) float32: what a picture of each class counts, 1 on the average picture.

    Proportional to one over the class's pictures, as scikit-learn's "balanced". A class of which
    none is trained on counts 1.
    """
    counts = selection.counts()
    of_class = np.array([counts[name.encode()] for name in class_names], np.float32)
    there = of_class > 0
    balanced = of_class.sum() / (there.sum() * np.maximum(of_class, 1))
    return np.where(there, balanced, 1).astype(np.float32)


def _rows(files: Sequence[str]) -> Iterable[Row]:
    spec = {
        features.LABEL: tf.io.FixedLenFeature([], tf.string),
        features.SHA256: tf.io.FixedLenFeature([], tf.string),
    }
    records = tf.data.TFRecordDataset(list(files), compression_type="GZIP")
    parsed = records.batch(_READ_AT_ONCE).map(lambda batch: tf.io.parse_example(batch, spec))
    for batch in parsed.as_numpy_iterator():
        yield from zip(batch[features.LABEL], batch[features.SHA256], strict=True)
