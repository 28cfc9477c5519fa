"""Two models beside each other, on the pictures that can be compared."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import msgspec

from bitpipe.model.signature import TOP_K
from components.gate import paired
from components.gate.measures import Measures, measure
from components.gate.paired import Pairs
from components.gate.predictions import Answer, Prediction


class Compared(msgspec.Struct, frozen=True):
    """Candidate and model in service on the pictures of the classes that both know.

    Attributes:
        candidate: how the one did.
        baseline: how the other did.
        pairs: by class, with an answer that is right where its best label is.
        top_5: the same, right where the label is among the best five.
    """

    candidate: Measures
    baseline: Measures
    pairs: dict[str, Pairs]
    top_5: dict[str, Pairs]


def compare(read: Callable[[], Iterable[Prediction]]) -> Compared | None:
    """Both models on the pictures whose class both know; None where there are none.

    Args:
        read: the answers, once for each call: there may be more than memory holds.
    """

    def common() -> Iterator[Prediction]:
        return (
            one
            for one in read()
            if one.baseline is not None and _is_known(one.candidate) and _is_known(one.baseline)
        )

    if next(itertools.islice(common(), 1), None) is None:
        return None
    return Compared(
        candidate=measure(common()),
        baseline=measure(common(), "baseline"),
        pairs=paired.count(common()),
        top_5=paired.count(common(), TOP_K),
    )


def _is_known(answer: Answer) -> bool:
    """Whether the model knows the picture's class; one without usable scores may well."""
    return answer.label_score is not None or answer.best is None
