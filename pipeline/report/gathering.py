"""Reads what a report tells of out of the artifacts of a run."""

from __future__ import annotations

import dataclasses
import json
import math
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.io import fileio
from tfx.utils import path_utils

from components import features
from components.data_checks import kept as kept_checks
from components.gate import kept
from components.gate.predictions import Prediction
from components.hyperparameters import FILE_NAME
from components.image_example_gen.outcomes import REJECTED_FILE, REPORT_FILE
from components.serving_check import verdict as serving_check
from components.training import guesses as kept_guesses
from pipeline.report import suspects, thumbnails, versions
from pipeline.report.facts import Facts, Point, Size, Told, Training
from pipeline.report.lineage import Lineage

# The Trainer may leave it beside the model: {"curve": [{"step": 20, "loss": 0.7, ...}, ...], ...}.
_TRAINING_FILE = "assets.extra/training.json"


def gather(told: Told, lineage: Lineage) -> Facts:
    """All facts of a run.

    Args:
        told: what is known to who started it.
        lineage: what ML Metadata knows.
    """
    sources = lineage.sources
    candidate = path_utils.serving_model_path(sources.model)
    checked = kept_checks.read(sources.anomalies)
    predictions = tuple(kept.read_predictions(sources.evaluation))
    guesses = read_guesses(posixpath.join(sources.model_run, kept_guesses.FILE))
    rejected = _text(posixpath.join(sources.examples, REJECTED_FILE)).splitlines()
    return Facts(
        told=told,
        started=lineage.started,
        stages=lineage.stages,
        versions=versions.of_packages(),
        verdict=kept.read_verdict(sources.evaluation),
        served=serving_check.read(sources.serving_check) if sources.serving_check else None,
        measured=kept.read_measured(sources.evaluation),
        predictions=predictions,
        ingest=json.loads(_text(posixpath.join(sources.examples, REPORT_FILE))),
        rejected=tuple(json.loads(line) for line in rejected),
        sizes=tuple(_sizes(sources.statistics)),
        data_checks=checked.checks if checked else (),
        decision=json.loads(_text(posixpath.join(sources.hyperparameters, FILE_NAME))),
        training=read_training(posixpath.join(candidate, _TRAINING_FILE)),
        suspects=tuple(_suspects(sources.examples, guesses, predictions)),
        looked_for_suspects=(*(["train"] if guesses else []), "eval"),
        pushed=lineage.pushed,
        candidate=candidate,
    )


def read_training(path: str) -> Training:
    """What the Trainer tells of itself: a learning curve, and values by their names.

    Nothing where there is no such file, or none that can be understood: a report does without.
    """
    if not fileio.exists(path):
        return Training((), {})
    try:
        found = json.loads(_text(path))
        found.pop("form", None)  # of the file
        values = {
            name: value for name, value in found.items() if not isinstance(value, (list, dict))
        }
        return Training(tuple(_points(found.get("curve") or ())), values)
    except (ValueError, TypeError, KeyError, AttributeError):
        return Training((), {})


def read_guesses(path: str) -> list[kept_guesses.Guess]:
    """What heads say of training pictures that they have not seen; nothing where there is none."""
    if not fileio.exists(path):
        return []
    decoder = msgspec.json.Decoder(kept_guesses.Guess)
    with fileio.open(path, "rb") as file:
        return [decoder.decode(line) for line in file]


def _suspects(
    examples: str,
    guesses: Sequence[kept_guesses.Guess],
    predictions: Sequence[Prediction],
) -> list[suspects.Suspect]:
    """Those of both splits, each judged by its own model's answers."""
    of_train = suspects.find(suspects.of_guesses(guesses))
    wanted = {(one.sha256, one.label) for one in of_train}
    names = thumbnails.names(examples, "train", wanted)
    named = [
        dataclasses.replace(one, filename=names.get((one.sha256, one.label), one.sha256))
        for one in of_train
    ]
    return suspects.in_order([*named, *suspects.find(suspects.of_predictions(predictions))])


def _points(curve: Iterable[Mapping[str, Any]]) -> Iterator[Point]:
    """Steps of a phase (`phase`) go on from those of the one before."""
    before = last = 0
    phase = None
    for point in curve:
        if point.get("phase") != phase:
            phase, before = point.get("phase"), last
        last = before + int(point["step"])
        values = {
            name: float(value)
            for name, value in point.items()
            if name != "step" and isinstance(value, (int, float)) and math.isfinite(value)
        }
        yield Point(step=last, values=values)


def _sizes(statistics: str) -> Iterator[Size]:
    for split in ("train", "eval"):
        path = posixpath.join(statistics, f"Split-{split}", "FeatureStats.pb")
        if not fileio.exists(path):
            continue
        with fileio.open(path, "rb") as file:
            found = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read())
        by_name: dict[str, Any] = {
            feature.path.step[0]: feature.num_stats for feature in found.datasets[0].features
        }
        for name in (features.WIDTH, features.HEIGHT):
            if name in by_name:
                one = by_name[name]
                yield Size(
                    split=split, what=name, smallest=one.min, median=one.median, largest=one.max
                )


def _text(path: str) -> str:
    with fileio.open(path, "rb") as file:
        text: str = file.read().decode("utf-8")
    return text
