"""A run: what it was told, where it is, and how it came there."""

from __future__ import annotations

import dataclasses
from typing import Any

from pretraining.batches import Targets
from pretraining.schedule import Schedule


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a run is told once, when it begins.

    Attributes:
        variant: of the network.
        seed: of everything.
        batch: pictures a step.
        weight_decay: L2, on all weights, as PyTorch's SGD means it.
        average: pictures over which the weights are averaged for judging and export.
        parts: of 5,000 pictures each, how many of each view are learned; None for all that are
            there, looked up at every start.
        targets: what is learned from a picture.
        schedule: learning rate and sizes.
        answers: name of the folder of the teacher's answers.
    """

    variant: str
    seed: int
    batch: int
    weight_decay: float
    average: int
    parts: int | None
    targets: Targets
    schedule: Schedule
    answers: str


def nothing() -> dict[str, float]:
    """The sums over no steps."""
    return {"steps": 0, "loss": 0.0, "agreement": 0.0}


@dataclasses.dataclass
class State:
    """Where a run is.

    Attributes:
        settings: as it began.
        network: state of the network, float32.
        average: state of the averaged network, float32.
        optimizer: state of the optimiser.
        step: updates made.
        seen: pictures seen.
        wall_s: seconds of training, judging included.
        cpu_s: seconds of the processors' time meanwhile; on a shared machine it tells more.
        curve: one record for each judging.
        since: sums over the steps since the last judging.
    """

    settings: Settings
    network: dict[str, Any]
    average: dict[str, Any]
    optimizer: dict[str, Any]
    step: int = 0
    seen: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    curve: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    since: dict[str, float] = dataclasses.field(default_factory=nothing)
