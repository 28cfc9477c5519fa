"""What a model must never be, whatever its accuracy: rules that TFMA's thresholds cannot express.

Pure functions of numbers and names, so that each rule can be read and tried without a framework.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from components.gate.settings import GateSettings

_SHOWN = 12  # names in a sentence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a candidate once the evaluation split has gone through it.

    Attributes:
        accuracy: share of the pictures whose top label is right, 0 to 1.
        unusable: pictures of the evaluation split on which a score is not a finite number.
        by_class: accuracy of each class that has pictures in the evaluation split, 0 to 1.
        counts: pictures of each of those classes.
        labels: classes that the candidate knows; needed beside `served_labels` alone.
        served_labels: classes that the model in service knows; None where there is none.
    """

    accuracy: float
    unusable: int
    by_class: Mapping[str, float]
    counts: Mapping[str, int]
    labels: tuple[str, ...]
    served_labels: tuple[str, ...] | None


def objections(facts: Facts, gate: GateSettings) -> list[str]:
    """One sentence for each rule that the candidate breaks; none where it may go on."""
    if facts.unusable:
        # Nothing else can be said of such a model.
        return [
            f"its scores are not finite numbers on {facts.unusable} evaluation pictures: training "
            "has diverged or the weights are damaged; lower train.learning_rate"
        ]
    return [
        *_removed_classes(facts, gate),
        *_unlearned_classes(facts, gate),
        *_no_better_than_guessing(facts),
    ]


def notes(facts: Facts) -> list[str]:
    """What is worth knowing of a candidate that may go on nevertheless."""
    if facts.served_labels is None:
        return []
    gone = _missing(facts.served_labels, facts.labels)
    new = _missing(facts.labels, facts.served_labels)
    return [
        *([f"new against the model in service: {_names(new)}"] if new else []),
        *([f"gone against the model in service: {_names(gone)}"] if gone else []),
    ]


def _removed_classes(facts: Facts, gate: GateSettings) -> Iterable[str]:
    gone = _missing(facts.served_labels or (), facts.labels)
    if not gone or gate.allow_removed_classes:
        return
    new = _missing(facts.labels, facts.served_labels or ())
    also = f" (new: {_names(new)})" if new else ""
    yield (
        f"classes of the model in service are missing: {_names(gone)}{also}; complete the data, or "
        "set gate.allow_removed_classes=true"
    )


def _unlearned_classes(facts: Facts, gate: GateSettings) -> Iterable[str]:
    never = [name for name, accuracy in facts.by_class.items() if accuracy == 0]
    if never and not gate.allow_unlearned_classes:
        pictures = sum(facts.counts[name] for name in never)
        yield (
            f"none of the {pictures} evaluation pictures of {_names(never)} is recognised; add "
            "pictures or train longer, or set gate.allow_unlearned_classes=true"
        )


def _no_better_than_guessing(facts: Facts) -> Iterable[str]:
    total = sum(facts.counts.values())
    largest = max(facts.counts, key=lambda name: (facts.counts[name], name))
    share = facts.counts[largest] / total
    # Both are ratios of whole numbers of the same pictures.
    if round(facts.accuracy * total) <= facts.counts[largest] and len(facts.counts) > 1:
        yield (
            f"accuracy {facts.accuracy:.4f} is no better than always answering the largest class "
            f"({largest!r}, {share:.4f} of the evaluation split)"
        )


def _missing(wanted: Iterable[str], there: Iterable[str]) -> list[str]:
    known = set(there)
    return [name for name in wanted if name not in known]


def _names(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:_SHOWN]))
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
