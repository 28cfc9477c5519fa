"""Answers on pictures that were not seen in training, as the Trainer leaves them for the report."""

from __future__ import annotations

import msgspec

# In the Trainer's `model_run`: a line of JSON, a `Guess`, per picture.
FILE = "cross_validated.jsonl"


class Guess(msgspec.Struct, frozen=True):
    """What a head that has not seen a picture says of it.

    Attributes:
        sha256: of its pixels, hexadecimal.
        label: the class that it is said to show.
        labels: the best classes, best first.
        scores: of these, 0 to 1.
        label_score: of the label.
    """

    sha256: str
    label: str
    labels: tuple[str, ...]
    scores: tuple[float, ...]
    label_score: float
