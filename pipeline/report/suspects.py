"""Labels that are likely wrong, by confident learning: pure choices among answers.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70
(2021), as cleanlab's `find_label_issues(filter_by="confident_learning")`: a picture counts as one
of the class that it is given a higher probability of than that class's own pictures are on average.
Where that is another class than its label, the label is suspect. The answers must be of a model
that has not seen the picture. Written down and shown; nothing is removed.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from components.gate.predictions import Prediction
from components.training.guesses import Guess


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model says of a picture that it has not seen.

    Attributes:
        split: of the picture.
        sha256: of its pixels.
        filename: empty where only the examples tell.
        label: the class that it is said to show.
        scores: class -> probability, of the best ones and the label.
    """

    split: str
    sha256: str
    filename: str
    label: str
    scores: Mapping[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Suspect:
    """A picture whose label is likely wrong.

    Attributes:
        filename: below the data folder.
        split: of the picture.
        sha256: of its pixels.
        label: the class that it is said to show.
        suggested: the class that it shows by the answer.
        score: quality of the label, 0 to 1, lowest first: cleanlab's normalised margin.
    """

    filename: str
    split: str
    sha256: str
    label: str
    suggested: str
    score: float


def of_guesses(found: Iterable[Guess]) -> list[Answer]:
    """Answers of cross-validated heads on the training split."""
    return [
        Answer(
            split="train",
            sha256=one.sha256,
            filename="",
            label=one.label,
            scores={**dict(zip(one.labels, one.scores, strict=True)), one.label: one.label_score},
        )
        for one in found
    ]


def of_predictions(found: Iterable[Prediction]) -> list[Answer]:
    """Answers of the candidate on the evaluation split; none where a score is no number."""
    return [
        Answer(
            split="eval",
            sha256=one.sha256,
            filename=one.filename,
            label=one.label,
            scores={
                **dict(zip(one.candidate.labels, one.candidate.scores, strict=True)),
                one.label: one.candidate.label_score,
            },
        )
        for one in found
        if one.candidate.label_score is not None
    ]


def find(answers: Sequence[Answer]) -> list[Suspect]:
    """The suspects among pictures that one model has answered, the most suspicious first."""
    of_own: defaultdict[str, list[float]] = defaultdict(list)
    for one in answers:
        of_own[one.label].append(one.scores[one.label])
    usual = {label: sum(scores) / len(scores) for label, scores in of_own.items()}
    found = []
    for one in answers:
        shown = [
            (score, name)
            for name, score in one.scores.items()
            if name in usual and score >= usual[name]
        ]
        if not shown:
            continue
        score, suggested = max(shown)
        if suggested != one.label:
            found.append(
                Suspect(
                    filename=one.filename,
                    split=one.split,
                    sha256=one.sha256,
                    label=one.label,
                    suggested=suggested,
                    score=(one.scores[one.label] - score + 1) / 2,
                )
            )
    return in_order(found)


def in_order(found: Iterable[Suspect]) -> list[Suspect]:
    """The most suspicious first."""
    return sorted(found, key=lambda one: (one.score, one.sha256, one.label))
