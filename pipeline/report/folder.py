"""The folder of a report: the page, and its tables beside it."""

from __future__ import annotations

from pathlib import Path

from bitpipe.stores import whole_file
from pipeline import reports
from pipeline.report import page, tables
from pipeline.report.facts import Facts
from pipeline.report.picks import Picks

# Beyond so many, a picture of each class would make the page large.
_MOST_SAMPLES = 200


def sampled(facts: Facts) -> list[str]:
    """The classes of which a picture is shown: of very many, the largest."""
    by_size = sorted(
        facts.ingest["classes"].items(), key=lambda item: (-sum(item[1].values()), item[0])
    )
    return [name for name, _ in by_size[:_MOST_SAMPLES]]


def fill(folder: Path, facts: Facts, picked: Picks, images: page.Images) -> Path:
    """Writes everything; the page last, so that a folder with a page is whole.

    Args:
        folder: made where it is missing.
        facts: what it tells of.
        picked: the pictures that it shows.
        images: their thumbnails.

    Returns:
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = tables.files(facts, picked)
    for name, content in written.items():
        whole_file.write(folder / name, [content])
    path = folder / reports.PAGE
    whole_file.write(path, [page.render(facts, picked, images, written).encode()])
    return path
