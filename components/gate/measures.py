"""How good a model is, counted from its answers: plain numbers, no framework."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from components.gate.predictions import Prediction, Role

# Guo et al. 2017, "On Calibration of Modern Neural Networks", take 15.
_BINS = 15


class ClassMeasures(msgspec.Struct, frozen=True):
    """What is known of one class.

    Attributes:
        pictures: of the class in the evaluation split.
        right: how many of them are recognised.
        answered: pictures, of whatever class, that are answered with this one.
    """

    pictures: int
    right: int
    answered: int

    @property
    def recall(self) -> float | None:
        """Share of its pictures that are recognised, 0 to 1; None where it has no pictures."""
        return self.right / self.pictures if self.pictures else None

    @property
    def precision(self) -> float | None:
        """Share of such answers that are right; None where there is none."""
        return self.right / self.answered if self.answered else None


class Bin(msgspec.Struct, frozen=True):
    """Pictures whose best score lies in one part of 0 to 1.

    Attributes:
        pictures: how many.
        score: mean of their best scores.
        accuracy: share of them whose best label is right.
    """

    pictures: int
    score: float
    accuracy: float


class Measures(msgspec.Struct, frozen=True):
    """How a model did on some pictures.

    Attributes:
        pictures: how many.
        accuracy: share whose best label is right.
        balanced_accuracy: mean of the recalls of the classes that have pictures.
        top_5: share whose label is among the best five, answered or not.
        calibration_error: expected calibration error over 15 bins of equal width, 0 to 1.
        unusable: pictures on which a score is not a finite number.
        unknown: pictures whose best score is below that from which the model answers with a class;
            they count as not right.
        classes: by name, sorted; those that have pictures or are an answer.
        calibration: the bins that hold pictures, in the order of their scores.
    """

    pictures: int
    accuracy: float
    balanced_accuracy: float
    top_5: float
    calibration_error: float
    unusable: int
    classes: dict[str, ClassMeasures]
    calibration: tuple[Bin, ...]
    unknown: int = 0

    @property
    def right(self) -> int:
        """Pictures that are answered with their class."""
        return round(self.accuracy * self.pictures)

    @property
    def coverage(self) -> float:
        """Share of the pictures that are answered with a class, 0 to 1."""
        return 1 - self.unknown / self.pictures

    @property
    def precision(self) -> float | None:
        """Share of right answers among those with a class; None where there is none."""
        answered = self.pictures - self.unknown
        return self.right / answered if answered else None

    @property
    def recalls(self) -> dict[str, float]:
        """Of each class that has pictures."""
        found = {name: one.recall for name, one in self.classes.items()}
        return {name: recall for name, recall in found.items() if recall is not None}

    @property
    def counts(self) -> dict[str, int]:
        """Pictures of each class that has some."""
        return {name: one.pictures for name, one in self.classes.items() if one.pictures}

    @property
    def largest_class(self) -> tuple[str, int]:
        """The class that most pictures show, and how many."""
        counts = self.counts
        name = max(counts, key=lambda name: (counts[name], name))
        return name, counts[name]


def measure(predictions: Iterable[Prediction], role: Role = "candidate") -> Measures:
    """Counts the answers of one of the two models.

    Raises:
        ValueError: there are no pictures.
    """
    pictures: Counter[str] = Counter()
    right: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    top_5 = unusable = unknown = 0
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(_BINS)]
    for one in predictions:
        answer = one.of(role)
        pictures[one.label] += 1
        if answer.best is None:
            unusable += 1
            continue
        if answer.is_unknown:
            unknown += 1
        else:
            answered[answer.best] += 1
        right[one.label] += answer.best == one.label
        top_5 += one.label in answer.labels
        # A score speaks of its class, whether the picture is answered with it or not.
        held = answer.scores[0], answer.labels[0] == one.label
        bins[min(int(answer.scores[0] * _BINS), _BINS - 1)].append(held)
    total = pictures.total()
    if not total:
        raise ValueError("an evaluation needs pictures.")
    calibration = tuple(_bin(held) for held in bins if held)
    return Measures(
        pictures=total,
        accuracy=right.total() / total,
        balanced_accuracy=sum(right[name] / pictures[name] for name in pictures) / len(pictures),
        top_5=top_5 / total,
        calibration_error=sum(one.pictures * abs(one.score - one.accuracy) for one in calibration)
        / total,
        unusable=unusable,
        classes={
            name: ClassMeasures(pictures[name], right[name], answered[name])
            for name in sorted(pictures.keys() | answered.keys())
        },
        calibration=calibration,
        unknown=unknown,
    )


def _bin(held: list[tuple[float, bool]]) -> Bin:
    number = len(held)
    return Bin(
        number, sum(score for score, _ in held) / number, sum(right for _, right in held) / number
    )
