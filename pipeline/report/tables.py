"""The tables of a report: rows for the page, and the same as CSV and JSON beside it."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from bitpipe.model.interval import wilson
from bitpipe.model.signature import UNKNOWN
from components.gate.measures import Measures
from components.gate.verdict import Measured
from pipeline.report.facts import Facts
from pipeline.report.picks import Picks


def classes(measured: Measured) -> list[dict[str, Any]]:
    """A row per class: numbers of pictures, shares 0 to 1, None where there is nothing to tell."""
    old = measured.compared.baseline.classes if measured.compared else {}
    rows = []
    for name, one in measured.candidate.classes.items():
        recall = one.recall
        low, high = (None, None) if recall is None else wilson(recall, one.pictures)
        before = old[name].recall if name in old else None
        rows.append(
            {
                "class": name,
                "pictures": one.pictures,
                "right": one.right,
                "recall": recall,
                "recall_low": low,
                "recall_high": high,
                "precision": one.precision,
                "baseline_recall": before,
                "change": None if before is None or recall is None else recall - before,
            }
        )
    return rows


@dataclasses.dataclass(frozen=True)
class Confusions:
    """How often pictures of a class are answered with another.

    Attributes:
        labels: true classes, those that have pictures.
        answers: these, in the same order, then whatever else is answered; last what is answered
            where no class is sure enough.
        counts: pictures by true class (row) and answer (column).
    """

    labels: list[str]
    answers: list[str]
    counts: list[list[int]]


def confusions(found: Measures, counts: Mapping[tuple[str, str], int]) -> Confusions:
    """The confusion matrix.

    Args:
        found: which classes there are.
        counts: (true class, answer) -> pictures.
    """
    labels = [name for name, one in found.classes.items() if one.pictures]
    others = [name for name, one in found.classes.items() if not one.pictures]
    answers = [*labels, *others, *([UNKNOWN] if found.unknown else [])]
    rows = [[counts.get((label, answer), 0) for answer in answers] for label in labels]
    return Confusions(labels, answers, rows)


def accuracies(
    measured: Measured, called: tuple[str, str] = ("this model", "model in service")
) -> list[dict[str, Any]]:
    """Rows of the candidate, what it is compared with, and the simplest guess.

    Args:
        measured: of both.
        called: what they are called.
    """
    found = measured.candidate
    largest, count = found.largest_class
    rows = [_accuracy(called[0], found.accuracy, found.pictures)]
    if compared := measured.compared:
        if compared.candidate.pictures != found.pictures:
            rows.append(_of(f"{called[0]}, classes that both know", compared.candidate))
        rows.append(_of(called[1], compared.baseline))
    if measured.test:
        rows.append(_of(f"{called[0]}, on the split test", measured.test))
    rows.append(_accuracy(f"always answering {largest!r}", count / found.pictures, found.pictures))
    return rows


def _of(name: str, found: Measures) -> dict[str, Any]:
    return _accuracy(name, found.accuracy, found.pictures)


def _accuracy(name: str, share: float, pictures: int) -> dict[str, Any]:
    low, high = wilson(share, pictures)
    return {"model": name, "accuracy": share, "low": low, "high": high, "pictures": pictures}


def as_csv(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> bytes:
    """In UTF-8; None becomes an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue().encode()


def as_json(value: Any) -> bytes:
    """Indented, in UTF-8."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def files(facts: Facts, picked: Picks) -> Mapping[str, bytes]:
    """The tables by their files' names."""
    rows = classes(facts.measured)
    confused = confusions(facts.measured.candidate, picked.matrix)
    return {
        "classes.csv": as_csv(rows[0], (row.values() for row in rows)),
        "classes.json": as_json(rows),
        "confusion.csv": as_csv(
            ["true class", *confused.answers],
            ([name, *row] for name, row in zip(confused.labels, confused.counts, strict=True)),
        ),
        "confusion.json": json.dumps(dataclasses.asdict(confused), ensure_ascii=False).encode(),
        "rejected.csv": as_csv(
            ["filename", "reason"], ([one["filename"], one["reason"]] for one in facts.rejected)
        ),
        "suspects.csv": as_csv(
            ["filename", "split", "label", "suggested", "score"],
            (
                [one.filename, one.split, one.label, one.suggested, f"{one.score:.6f}"]
                for one in facts.suspects
            ),
        ),
        "suspects.jsonl": b"".join(
            json.dumps(dataclasses.asdict(one), ensure_ascii=False).encode() + b"\n"
            for one in facts.suspects
        ),
        "report.json": as_json(_summary(facts)),
    }


def _summary(facts: Facts) -> dict[str, Any]:
    return {
        "started": facts.started,
        "pushed": facts.pushed,
        "notes": facts.notes,
        "verdict": msgspec.to_builtins(facts.verdict),
        "data_checks": msgspec.to_builtins(facts.data_checks),
        "accuracies": accuracies(facts.measured, facts.called),
        "coverage": facts.measured.candidate.coverage,
        "precision": facts.measured.candidate.precision,
        "stages": msgspec.to_builtins(facts.stages),
        "versions": dict(facts.versions),
        "told": msgspec.to_builtins(facts.told),
        "hyperparameters": dict(facts.decision),
    }
