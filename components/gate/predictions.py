"""What candidate and model in service answered, picture by picture: a file for whoever asks why.

`predictions.jsonl` in the `evaluation` artifact has one JSON object per picture of the evaluation
split, sorted by name:

    {"filename": "ant/1.png", "sha256": "9f86...", "label": "ant",
     "candidate": {"labels": ["ant", "bee"], "scores": [0.9, 0.1], "label_score": 0.9},
     "baseline": null}

`labels` and `scores` are the best answers, highest score first and no more than 5, as the
production signature gave them; `label_score` is the score of the true label, null where the model
does not know it. `said` is there where the signature's `label` is not the first of `labels`: what
the model answers, such as `unknown`. A model whose scores are not finite has no `labels`.
`baseline` is the model in service, null where the candidate was judged without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from bitpipe.model.signature import TOP_K, UNKNOWN

FILE = "predictions.jsonl"

Role = Literal["candidate", "baseline"]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a model says of a picture.

    Attributes:
        labels: its best classes, best first; none where a score is not a finite number.
        scores: of these, 0 to 1.
        label_score: of the true label; None where the model does not know that class.
        said: the answer, where it is not the first of `labels`.
    """

    labels: tuple[str, ...]
    scores: tuple[float, ...]
    label_score: float | None
    said: str | None = None

    @property
    def best(self) -> str | None:
        """What it is answered with: a class, or that none is sure enough; as served."""
        return self.said or (self.labels[0] if self.labels else None)

    @property
    def is_unknown(self) -> bool:
        """Whether no class is sure enough."""
        return self.said == UNKNOWN


class Prediction(msgspec.Struct, frozen=True):
    """A picture of the evaluation split, and what is said of it.

    Attributes:
        filename: below the data folder, see `components.features`.
        sha256: of its pixels, hexadecimal.
        label: the true class.
        candidate: the answer of the model that is judged.
        baseline: that of the model in service.
    """

    filename: str
    sha256: str
    label: str
    candidate: Answer
    baseline: Answer | None = None

    def of(self, role: Role) -> Answer:
        """The answer of one of the two.

        Raises:
            ValueError: there is no baseline.
        """
        answer = self.candidate if role == "candidate" else self.baseline
        if answer is None:
            raise ValueError(f"{self.filename} was not shown to a {role}.")
        return answer


def answer(scores: np.ndarray, names: Sequence[str], *, label: str, said: str | None) -> Answer:
    """What a model says of a picture; of equal scores the class that comes first.

    Args:
        scores: (classes,) float32, of its production signature.
        names: of the classes, in the same order.
        label: the true class.
        said: the signature's `label`; None where it has none.
    """
    if not np.isfinite(scores).all():
        return Answer((), (), None)
    best = np.argsort(-scores, kind="stable")[:TOP_K]
    return Answer(
        labels=tuple(names[index] for index in best),
        scores=tuple(float(scores[index]) for index in best),
        label_score=float(scores[names.index(label)]) if label in names else None,
        said=said if said != names[best[0]] else None,
    )
