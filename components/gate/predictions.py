"""What candidate and model in service answered, picture by picture: a file for whoever asks why.

`predictions.jsonl` in the `evaluation` artifact has one JSON object per picture of the evaluation
split, sorted by name:

    {"filename": "ant/1.png", "sha256": "9f86...", "label": "ant",
     "candidate": {"labels": ["ant", "bee"], "scores": [0.9, 0.1], "label_score": 0.9},
     "baseline": null}

`labels` and `scores` are the best answers, highest score first and no more than 5, as the
production signature gave them; `label_score` is the score of the true label, null where the model
does not know it. A model whose scores are not finite has no `labels`. `baseline` is the model in
service, null where the candidate was judged without one.
"""

from __future__ import annotations

from typing import Literal

import msgspec

FILE = "predictions.jsonl"

Role = Literal["candidate", "baseline"]


class Answer(msgspec.Struct, frozen=True):
    """What a model says of a picture.

    Attributes:
        labels: its best classes, best first; none where a score is not a finite number.
        scores: of these, 0 to 1.
        label_score: of the true label; None where the model does not know that class.
    """

    labels: tuple[str, ...]
    scores: tuple[float, ...]
    label_score: float | None

    @property
    def best(self) -> str | None:
        """The class it is answered with."""
        return self.labels[0] if self.labels else None


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
