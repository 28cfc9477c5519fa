"""Which pictures are worth a look: pure choices among the answers."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence

from components.gate.predictions import Prediction

_MISTAKES = 24
_LEAST_CONFIDENT = 24
_CONFUSIONS = 20
_PER_CONFUSION = 3


@dataclasses.dataclass(frozen=True)
class Confusion:
    """Pictures of one class that are taken for another.

    Attributes:
        label: the true class.
        answer: what they are taken for.
        number: how many.
        pictures: of them, those with the highest scores.
    """

    label: str
    answer: str
    number: int
    pictures: tuple[Prediction, ...]


@dataclasses.dataclass(frozen=True)
class Picks:
    """What a report shows.

    Attributes:
        mistakes: wrong answers, those with the highest scores.
        least_confident: those with the lowest best scores, right or wrong.
        confusions: the most frequent ones.
        matrix: (true label, answer) -> pictures.
    """

    mistakes: tuple[Prediction, ...]
    least_confident: tuple[Prediction, ...]
    confusions: tuple[Confusion, ...]
    matrix: dict[tuple[str, str], int]

    @property
    def names(self) -> frozenset[str]:
        """Of all pictures that are shown."""
        groups = [self.mistakes, self.least_confident]
        groups += [confusion.pictures for confusion in self.confusions]
        return frozenset(one.filename for group in groups for one in group)


def pick(predictions: Sequence[Prediction]) -> Picks:
    """Chooses; the same answers give the same choice."""
    usable = [one for one in predictions if one.candidate.labels]
    answered = [one for one in usable if not one.candidate.is_unknown]
    wrong = [one for one in answered if one.candidate.best != one.label]
    by_score = sorted(wrong, key=lambda one: (-one.candidate.scores[0], one.filename))
    least = sorted(usable, key=lambda one: (one.candidate.scores[0], one.filename))
    return Picks(
        mistakes=tuple(by_score[:_MISTAKES]),
        least_confident=tuple(least[:_LEAST_CONFIDENT]),
        confusions=tuple(_confusions(by_score)),
        matrix=_matrix(usable),
    )


def _matrix(usable: Iterable[Prediction]) -> dict[tuple[str, str], int]:
    found: defaultdict[tuple[str, str], int] = defaultdict(int)
    for one in usable:
        found[one.label, one.candidate.best or ""] += 1
    return dict(sorted(found.items()))


def _confusions(by_score: Iterable[Prediction]) -> list[Confusion]:
    groups: defaultdict[tuple[str, str], list[Prediction]] = defaultdict(list)
    for one in by_score:
        groups[one.label, one.candidate.best or ""].append(one)
    largest = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        Confusion(label, answer, len(found), tuple(found[:_PER_CONFUSION]))
        for (label, answer), found in largest[:_CONFUSIONS]
    ]
