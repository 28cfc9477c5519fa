"""What a report tells of: a run, its verdict, its data, and what was found in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec

from components.data_checks.results import Check as DataCheck
from components.gate.predictions import Prediction
from components.gate.verdict import Measured, Verdict
from components.serving_check.verdict import Said
from pipeline.report.suspects import Suspect


class StageTime(msgspec.Struct, frozen=True):
    """How a stage ended: its seconds, and whether its outputs were taken from the cache."""

    name: str
    seconds: float
    cached: bool


class Setting(msgspec.Struct, frozen=True):
    """A value of the configuration, as YAML, and who said it."""

    key: str
    value: str
    origin: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What ML Metadata does not know of a run.

    Attributes:
        name: the model's.
        data: the data folder.
        command: runs the same again.
        settings: the whole configuration.
        device: what it computed on, in words; empty where nobody knows.
    """

    name: str
    data: str
    command: str
    settings: tuple[Setting, ...]
    device: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sources:
    """Where the outputs are that a report is made of: folders, also in a store.

    Attributes:
        evaluation: the gate's files.
        examples: the ingest's.
        statistics: counts and sizes of the pictures.
        anomalies: what the data checks found.
        hyperparameters: the HyperRule's decision.
        model: the candidate.
        model_run: what the Trainer left beside it.
        serving_check: how a server did with it; `None` where none was asked.
    """

    evaluation: str
    examples: str
    statistics: str
    anomalies: str
    hyperparameters: str
    model: str
    model_run: str
    serving_check: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """Smallest, median and largest of a measure of the pictures of a split, pixels."""

    split: str
    what: str
    smallest: float
    median: float
    largest: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """A point of a learning curve: a step of the whole training, and what was known there."""

    step: int
    values: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Training:
    """What the Trainer tells of itself.

    Attributes:
        curve: empty where none was recorded.
        values: whatever else it wrote down, by name.
    """

    curve: tuple[Point, ...]
    values: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """All that a page is made of.

    Attributes:
        told: see `Told`.
        started: when the run began, in words.
        stages: in the order they ran.
        versions: of what ran, by name.
        verdict: the gate's; None where no gate was asked, and only counted.
        served: the serving check's; `None` where no server was asked.
        measured: what it is made of.
        predictions: picture by picture.
        ingest: the ingest's counts, as of its `ingest.json`.
        rejected: files that became no examples, with `filename` and `reason`.
        sizes: of the pictures.
        data_checks: what came of each rule about the pictures.
        decision: what the HyperRule wrote.
        training: what the Trainer recorded.
        suspects: pictures whose label is likely wrong, the most suspicious first.
        looked_for_suspects: the splits in which they were looked for.
        pushed: the version that was pushed; None where none was.
        candidate: the candidate's SavedModel.
        notes: what is said in place of a verdict.
        called: what the model, and the one that it is compared with, are called.
        split: which pictures samples are of.
    """

    told: Told
    started: str
    stages: tuple[StageTime, ...]
    versions: Mapping[str, str]
    verdict: Verdict | None
    served: Said | None = None
    measured: Measured
    predictions: tuple[Prediction, ...]
    ingest: Mapping[str, Any]
    rejected: tuple[Mapping[str, str], ...]
    sizes: tuple[Size, ...]
    data_checks: tuple[DataCheck, ...]
    decision: Mapping[str, Any]
    training: Training
    suspects: tuple[Suspect, ...]
    looked_for_suspects: tuple[str, ...]
    pushed: str | None
    candidate: str
    notes: tuple[str, ...] = ()
    called: tuple[str, str] = ("this model", "model in service")
    split: str = "training split"

    @property
    def blessed(self) -> bool:
        """Whether gate and serving check let the candidate through."""
        gate = self.verdict is not None and self.verdict.blessed
        return gate and (self.served is None or self.served.blessed)
