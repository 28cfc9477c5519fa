"""What `bitpipe evaluate` found, as a report and as JSON."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bitpipe.names import storable
from components.gate.predictions import Prediction
from components.image_example_gen.images import Image
from components.image_example_gen.settings import DataSettings
from pipeline.evaluation import asking
from pipeline.evaluation.judging import Judged
from pipeline.report import folder as folders
from pipeline.report import page, picks, tables, thumbnails, versions
from pipeline.report.facts import Facts, Told, Training

_SPLIT = "judged"
_SHOWN_CONFLICTS = 100


def write(judged: Judged, settings: DataSettings, folder: Path, *, data: str, command: str) -> Path:
    """Writes a report: the page, and its tables beside it.

    Args:
        judged: what it tells of.
        settings: those that it was judged with: some pictures are read again.
        folder: made where it is missing.
        data: as it was named.
        command: judges the same again.

    Returns:
        The page.
    """
    facts = _facts(judged, data, command)
    picked = picks.pick(facts.predictions)
    samples: dict[str, str] = {}
    for one in judged.predictions:
        samples.setdefault(one.label, one.filename)
    samples = {label: samples[label] for label in folders.sampled(facts)}
    urls = _thumbnails(judged, settings, {*picked.names, *samples.values()})
    images = page.Images(
        pictures={name: url for name, url in urls.items() if name in picked.names},
        samples={label: (name, urls[name]) for label, name in samples.items() if name in urls},
    )
    return folders.fill(folder, facts, picked, images)


def as_dict(judged: Judged, report: Path) -> dict[str, Any]:
    """The JSON object of `bitpipe evaluate --json`."""
    found = judged.measured.candidate
    return {
        "models": judged.models,
        "pictures": found.pictures,
        "accuracy": found.accuracy,
        "accuracies": tables.accuracies(judged.measured, _called(judged)),
        "balanced_accuracy": found.balanced_accuracy,
        "top_5": found.top_5,
        "calibration_error": found.calibration_error,
        "coverage": found.coverage,
        "precision": found.precision,
        "classes": tables.classes(judged.measured),
        "notes": judged.notes,
        "rejected": judged.rejected,
        "report": str(report),
    }


def _facts(judged: Judged, data: str, command: str) -> Facts:
    by_class: defaultdict[str, int] = defaultdict(int)
    by_digest: defaultdict[str, list[Prediction]] = defaultdict(list)
    for one in judged.predictions:
        by_class[one.label] += 1
        by_digest[one.sha256].append(one)
    conflicts = [
        [one.filename for one in group]
        for group in by_digest.values()
        if len({one.label for one in group}) > 1
    ]
    number = len(judged.predictions)
    return Facts(
        told=Told(name=_name(judged.models[0]), data=data, command=command, settings=()),
        started=datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC"),
        stages=(),
        versions=versions.of_packages(),
        verdict=None,
        measured=judged.measured,
        predictions=judged.predictions,
        ingest={
            "num_examples": number,
            "splits": {_SPLIT: number},
            "classes": {label: {_SPLIT: by_class[label]} for label in sorted(by_class)},
            "duplicates": number - len(by_digest),
            "changed": judged.changed,
            "skipped": judged.listing.skipped_files,
            "loose_files": judged.listing.loose_files,
            "conflicting_duplicates": len(conflicts),
            "conflicts": conflicts[:_SHOWN_CONFLICTS],
        },
        rejected=judged.rejected,
        sizes=(),
        data_checks=(),
        decision={},
        training=Training((), {}),
        suspects=(),
        looked_for_suspects=(),
        pushed=None,
        candidate=" and ".join(judged.models),
        notes=judged.notes,
        called=_called(judged),
        split="judged pictures",
    )


def _called(judged: Judged) -> tuple[str, str]:
    first, second = (judged.models[0], judged.models[-1])
    names = _name(first), _name(second)
    return names if names[0] != names[1] else (first, second)


def _name(path: str) -> str:
    """`photos/1795665443` of a served version."""
    return "/".join(Path(path).parts[-2:])


def _thumbnails(judged: Judged, settings: DataSettings, wanted: Iterable[str]) -> dict[str, str]:
    names = set(wanted)
    found = {}
    for picture in judged.listing.pictures:
        if storable(picture.path) in names:
            _, image = asking.read(judged.listing.path, settings, picture)
            if isinstance(image, Image):  # it may be gone meanwhile
                found[image.filename] = thumbnails.thumbnail(image.image)
    return found
