"""Puts a report's page together: one file that asks for nothing else."""

from __future__ import annotations

import base64
import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from pipeline.report import plots, tables
from pipeline.report.facts import Facts, Point
from pipeline.report.picks import Picks

_FOLDER = Path(__file__).parent / "web"
# More classes than that are drawn as cells instead of being written as numbers.
_MOST_WITH_NUMBERS = 16
_LARGEST_DOWNLOAD_BYTES = 300_000
# Characters of a class that are shown.
_LONGEST_NAME = 40
_MOST_REJECTED, _MOST_CONFLICTS = 50, 30
MOST_SUSPECTS = 48


@dataclasses.dataclass(frozen=True)
class Images:
    """Thumbnails as `data:` URLs.

    Attributes:
        pictures: of the evaluation split and of suspects, by name.
        samples: of the training split: class -> (name, thumbnail).
    """

    pictures: Mapping[str, str]
    samples: Mapping[str, tuple[str, str]]


def render(facts: Facts, picks: Picks, images: Images, files: Mapping[str, bytes]) -> str:
    """The page.

    Args:
        facts: what it tells of.
        picks: the pictures that it shows.
        images: their thumbnails.
        files: the tables, which are part of the page as far as they are small: it travels alone.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["share"] = _share
    environment.filters["percent"] = _percent
    environment.filters["named"] = _named
    found = facts.measured.candidate
    confused = tables.confusions(found, picks.matrix)
    has_numbers = len(confused.answers) <= _MOST_WITH_NUMBERS
    accuracies = tables.accuracies(facts.measured, facts.called)
    return environment.get_template("report.html").render(
        facts=facts,
        found=found,
        picks=picks,
        images=images,
        links={name: _download(content) for name, content in files.items()},
        style=Markup((_FOLDER / "report.css").read_text(encoding="utf-8")),
        accuracies=accuracies,
        accuracy_plot=plots.ranges(
            [(one["model"], one["low"], one["accuracy"], one["high"]) for one in accuracies]
        ),
        classes=_weakest_first(tables.classes(facts.measured)),
        confused=confused,
        matrix_plot=None if has_numbers else plots.matrix(confused),
        calibration_plot=plots.calibration(
            [(one.score, one.accuracy, one.pictures) for one in found.calibration]
        )
        if found.calibration
        else None,
        curves=_curves(facts.training.curve),
        splits=list(facts.ingest["splits"]),
        reasons=Counter(one["reason"] for one in facts.rejected).most_common(),
        rejected=facts.rejected[:_MOST_REJECTED],
        conflicts=facts.ingest["conflicts"][:_MOST_CONFLICTS],
        decision=facts.decision,
        suspects=facts.suspects[:MOST_SUSPECTS],
    )


def _weakest_first(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["recall"] is None, row["recall"], row["class"]))


def _curves(points: Sequence[Point]) -> list[tuple[str, Markup]]:
    """A drawing of the losses and one of the accuracies, as far as they were recorded."""
    drawn = []
    for measure in ("loss", "accuracy"):
        lines = [
            (words, line)
            for words, name in (("training", measure), ("held out", f"held_out_{measure}"))
            if (
                line := [
                    (point.step, point.values[name]) for point in points if name in point.values
                ]
            )
        ]
        if lines:
            drawn.append(
                (measure, plots.curve(f"Learning curve: {measure}", lines, "step", measure))
            )
    return drawn


def _download(content: bytes) -> str | None:
    """As a `data:` URL; None for what is to be looked for beside the page."""
    if len(content) > _LARGEST_DOWNLOAD_BYTES:
        return None
    return f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _named(name: str) -> Markup:
    """A class by its name, which may be as long as a folder's."""
    if len(name) <= _LONGEST_NAME:
        return escape(name)
    return Markup('<span title="{}">{}…</span>').format(name, name[: _LONGEST_NAME - 1])


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
