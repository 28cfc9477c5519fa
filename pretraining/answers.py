"""What the teacher says of each view, compactly: its most probable classes, the rest spread evenly.

A view's answers come in parts, each complete or not there: writing goes on where it was killed, and
training may start on the parts that are there. Pictures are answered in a random order, so that the
first parts already show every class.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bitpipe.errors import DataError
from pretraining import files
from pretraining.pictures import Pictures

CLASSES = 1000
KEPT = 32  # classes a picture; Lite2 leaves 3 % of the mass to the other 968 on 64 px pictures
PART = 5000  # pictures; about a minute's work
JUDGES = "held-out.npz"


@dataclasses.dataclass(frozen=True)
class Answers:
    """The teacher's probabilities for M pictures.

    Attributes:
        numbers: (M,) int64, places of the pictures in their store.
        indices: (M, KEPT) uint16, classes, the most probable first.
        log_probs: (M, KEPT) float16, natural logarithms of their probabilities.
    """

    numbers: np.ndarray
    indices: np.ndarray
    log_probs: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)

    def dense(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities (R, 1000) float32 of `rows`, (R,) int; each sums to 1."""
        kept = np.exp(self.log_probs[rows].astype(np.float32))
        total = kept.sum(1, keepdims=True)
        # Rounded to float16 they may sum to a little more than 1.
        rest = np.maximum(1 - total, 0)
        probabilities = np.repeat(rest / (CLASSES - kept.shape[1]), CLASSES, axis=1)
        np.put_along_axis(probabilities, self.indices[rows].astype(np.int64), kept, axis=1)
        return probabilities / probabilities.sum(1, keepdims=True)


def concatenate(parts: Sequence[Answers]) -> Answers:
    """One behind the other."""
    return Answers(
        np.concatenate([each.numbers for each in parts]),
        np.concatenate([each.indices for each in parts]),
        np.concatenate([each.log_probs for each in parts]),
    )


def folder_of(cache: Path, pictures: Pictures, teacher: str, size: int, seed: int) -> Path:
    """Where answers are kept: everything they depend on is in the name."""
    return cache / f"answers-{pictures.digest[:8]}-{teacher}-{size}px-seed{seed}"


def read_judged(folder: Path) -> Answers:
    """The answers to the held-out pictures.

    Raises:
        DataError: they have not been written.
    """
    if not (folder / JUDGES).exists():
        raise DataError(f"there are no answers in {folder}. Run the step `answers` first.")
    return _load(folder / JUDGES)


def read(folder: Path, view: int, parts: int | None = None) -> Answers:
    """The answers of one view.

    Args:
        folder: of `folder_of`.
        view: its number, from 0.
        parts: how many, from the first; None for all that are there.

    Raises:
        DataError: fewer parts are there.
    """
    there = count_parts(folder, view)
    if not there or (parts or 0) > there:
        raise DataError(
            f"view {view} in {folder} must have {parts or 'some'} parts. Received: {there}. Run "
            "the step `answers` first."
        )
    return concatenate([_load(part_of(folder, view, part)) for part in range(parts or there)])


def read_all(folder: Path, parts: int | None = None) -> list[Answers]:
    """The answers of all views of which so many parts are there; arguments as of `read`.

    Raises:
        DataError: view 0 has fewer.
    """
    views = 1
    while count_parts(folder, views) >= (parts or 1):
        views += 1
    return [read(folder, view, parts) for view in range(views)]


def count_parts(folder: Path, view: int) -> int:
    """How many parts of a view are there without a gap."""
    parts = 0
    while part_of(folder, view, parts).exists():
        parts += 1
    return parts


def part_of(folder: Path, view: int, part: int) -> Path:
    """The file of one part of a view, both numbered from 0."""
    return folder / f"view{view:02d}" / f"part{part:03d}.npz"


def save(path: Path, answers: Answers) -> None:
    """Writes answers, completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as part, part.open("wb") as file:
        np.savez(file, **dataclasses.asdict(answers))


def _load(path: Path) -> Answers:
    with np.load(path, allow_pickle=False) as file:
        return Answers(file["numbers"], file["indices"], file["log_probs"])
