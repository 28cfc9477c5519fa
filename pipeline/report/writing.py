"""Writes the report of a run into a folder: the page, and its tables beside it."""

from __future__ import annotations

from pathlib import Path

from pipeline import reports
from pipeline.report import gathering, page, picks, tables, thumbnails
from pipeline.report.facts import Told
from pipeline.report.lineage import Lineage

# Beyond so many, a picture of each class would make the page large.
_MOST_SAMPLES = 200


def write(folder: Path, told: Told, lineage: Lineage) -> Path:
    """Writes everything; the page last, so that a folder with a page is whole.

    Args:
        folder: made where it is missing.
        told: what is known to who started the run.
        lineage: what ML Metadata knows of it.

    Returns:
        The page.
    """
    facts = gathering.gather(told, lineage)
    picked = picks.pick(facts.predictions)
    by_size = sorted(
        facts.ingest["classes"].items(), key=lambda item: (-sum(item[1].values()), item[0])
    )
    shown = [name for name, _ in by_size[:_MOST_SAMPLES]]
    shown_suspects = facts.suspects[: page.MOST_SUSPECTS]
    wanted = {
        split: {one.filename for one in shown_suspects if one.split == split}
        for split in ("train", "eval")
    }
    images = page.Images(
        pictures=thumbnails.find(lineage.sources.examples, picked.names | wanted["eval"])
        | thumbnails.find(lineage.sources.examples, wanted["train"], "train"),
        samples=thumbnails.samples(lineage.sources.examples, frozenset(shown)),
    )
    folder.mkdir(parents=True, exist_ok=True)
    written = tables.files(facts, picked)
    for name, content in written.items():
        _put(folder / name, content)
    path = folder / reports.PAGE
    _put(path, page.render(facts, picked, images, written).encode())
    return path


def _put(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_bytes(content)
    unfinished.replace(path)
