"""Judges served or given models on a data set, without a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bitpipe.errors import DataError, ModelFolderError
from bitpipe.model.layout import SAVED_MODEL
from bitpipe.model.signature import UNKNOWN
from bitpipe.names import printable
from bitpipe.stores.paths import is_remote
from components.bit.exports import export_in_service
from components.image_example_gen.sources import given_splits, registry

if TYPE_CHECKING:
    from components.gate.comparison import Compared
    from components.gate.predictions import Prediction
    from components.gate.verdict import Measured
    from components.image_example_gen.listing import ListedPicture, Listing
    from components.image_example_gen.settings import DataSettings
    from pipeline.evaluation.asking import Model

ALL = "all"
_SHOWN = 12  # names in a sentence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judged:
    """What came of it.

    Attributes:
        models: their SavedModels; the first one is the judged one, a second what it is compared
            with.
        listing: the data set.
        measured: as the gate counts.
        predictions: picture by picture, sorted by name.
        rejected: pictures without an answer, with `filename` and `reason`.
        changed: pictures that were encoded anew.
        notes: sentences: what was judged, what was found, which classes do not meet.
    """

    models: tuple[str, ...]
    listing: Listing
    measured: Measured
    predictions: tuple[Prediction, ...]
    rejected: tuple[dict[str, str], ...]
    changed: int
    notes: tuple[str, ...]


def judge(
    data: str,
    models: Sequence[str],
    settings: DataSettings,
    *,
    split: str | None = None,
    watch: Callable[[int, int], None] | None = None,
) -> Judged:
    """Shows each picture to one model or two.

    Args:
        data: whatever a run takes.
        models: one or two; a SavedModel, or a folder of versions, of which the one in service is
            taken.
        settings: how the data arrive.
        split: the split that is judged on, or `ALL`; None for `test` where the data bring one,
            else all.
        watch: is told how many pictures are done, of how many.

    Raises:
        ConfigError, ModelFolderError, ModelLoadError: there is no such model, or none with the
            production signature.
        DataError: the data are no labelled pictures, none of the split, of no class that the model
            knows, or of one that cannot be told from the answer that is none.
    """
    paths = tuple(one if is_remote(one) else _located(one) for one in models)
    listing = registry.list_pictures(data, settings.of_source())
    pictures = _of_split(listing, split)

    from components.gate.comparison import compare
    from components.gate.measures import measure
    from components.gate.verdict import Measured
    from pipeline.evaluation import asking

    opened = [asking.Model(path) for path in paths]
    asked = asking.ask(opened, listing.path, pictures, settings, watch or (lambda *_: None))
    if not asked.predictions:
        first = next(iter(asked.rejected))
        raise DataError(
            f"none of the {len(pictures)} pictures of {data} can be judged; the first one, "
            f"{first['filename']}, {first['reason']}."
        )
    classes = {one.label for one in asked.predictions}
    if UNKNOWN in classes and any(
        answer is not None and answer.is_unknown
        for one in asked.predictions
        for answer in (one.candidate, one.baseline)
    ):
        raise DataError(
            f"a model that answers {UNKNOWN!r} where no class is sure enough cannot be judged on a "
            f"class of that name. Received: a class {UNKNOWN!r} in {data}; rename its folder."
        )
    for model in opened:
        if not classes & set(model.labels):
            raise DataError(
                f"the class folders must be named as the model's classes. Received: "
                f"{_names(sorted(classes))} in {data}, and {_names(sorted(model.labels))} in "
                f"{model.path}."
            )
    compared = compare(lambda: asked.predictions)
    measured = Measured(measure(asked.predictions), compared)
    notes = [
        f"accuracy {measured.candidate.accuracy:.4f} on {measured.candidate.pictures} pictures of "
        f"{len(classes)} classes"
    ]
    if measured.candidate.unusable:
        notes.append(
            f"scores are not finite numbers on {measured.candidate.unusable} pictures, which count "
            "as not right"
        )
    if len(opened) == 2:
        notes.append(_comparison(compared))
    for model in opened:
        notes += _unmet(model, classes)
    if asked.rejected:
        notes.append(f"{len(asked.rejected)} pictures could not be judged")
    return Judged(
        models=paths,
        listing=listing,
        measured=measured,
        predictions=asked.predictions,
        rejected=asked.rejected,
        changed=asked.changed,
        notes=tuple(notes),
    )


def _located(model: str) -> str:
    """The SavedModel that is meant, before TensorFlow takes its time to load."""
    path = Path(export_in_service(model))
    if not (path / SAVED_MODEL).is_file():
        problem = "holds neither" if path.is_dir() else "is no folder"
        raise ModelFolderError(
            "--models must name a SavedModel, or a folder of versions such as OUT/serving of a "
            f"run. Received: {model}, which {problem if path.exists() else 'does not exist'}."
        )
    return str(path)


def _of_split(listing: Listing, split: str | None) -> list[ListedPicture]:
    splits = sorted({one.split for one in listing.pictures if one.split})
    wanted = split or (given_splits.TEST if given_splits.TEST in splits else ALL)
    if wanted != ALL and wanted not in splits:
        there = f"the splits {', '.join(splits)}" if splits else "no splits"
        raise DataError(
            f"--split must name a split that the data bring, or {ALL}. Received: {wanted!r}, and "
            f"{listing.path} brings {there}."
        )
    found = [one for one in listing.pictures if wanted in (ALL, one.split)]
    if not found:
        raise DataError(f"{listing.path} holds no labelled pictures. Correct --data.")
    return found


def _comparison(compared: Compared | None) -> str:
    from components.gate import paired

    if compared is None:
        return "the models are not compared: no picture is of a class that both know"
    pairs = paired.together(compared.pairs.values())
    chance = paired.chance(pairs)
    p = min(1.0, 2 * min(chance.drop, chance.gain))
    return (
        f"against {compared.baseline.accuracy:.4f} of the second model on the same "
        f"{pairs.pictures} pictures, {pairs.change:+.4f}: only the first is right on "
        f"{pairs.gained}, only the second on {pairs.lost} (p = {p:.2g}, McNemar's exact "
        "test, two-sided)"
    )


def _unmet(model: Model, classes: set[str]) -> list[str]:
    told = []
    if unknown := sorted(classes - set(model.labels)):
        told.append(
            f"{model.path} does not know {_names(unknown)}: such pictures count as not right"
        )
    if absent := sorted(set(model.labels) - classes):
        told.append(f"no picture shows what {model.path} knows as {_names(absent)}")
    return told


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(repr(printable(name)) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
