"""Writes the report of a run into a folder."""

from __future__ import annotations

from pathlib import Path

from pipeline.report import folder as folders
from pipeline.report import gathering, page, picks, thumbnails
from pipeline.report.facts import Told
from pipeline.report.lineage import Lineage


def write(folder: Path, told: Told, lineage: Lineage) -> Path:
    """Writes everything, as `folders.fill` does.

    Args:
        folder: made where it is missing.
        told: what is known to who started the run.
        lineage: what ML Metadata knows of it.

    Returns:
        The page.
    """
    facts = gathering.gather(told, lineage)
    picked = picks.pick(facts.predictions)
    shown_suspects = facts.suspects[: page.MOST_SUSPECTS]
    wanted = {
        split: {one.filename for one in shown_suspects if one.split == split}
        for split in ("train", "eval")
    }
    images = page.Images(
        pictures=thumbnails.find(lineage.sources.examples, picked.names | wanted["eval"])
        | thumbnails.find(lineage.sources.examples, wanted["train"], "train"),
        samples=thumbnails.samples(lineage.sources.examples, frozenset(folders.sampled(facts))),
    )
    return folders.fill(folder, facts, picked, images)
