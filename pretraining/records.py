"""What was measured on exported weights, as JSON beside them: the card is written from it."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any

from pretraining import files
from pretraining.pictures import Pictures
from pretraining.state import State


def path_of(weights: Path) -> Path:
    """The record of an exported file."""
    return weights.with_suffix(".json")


def read(weights: Path) -> dict[str, Any]:
    """The record; empty where nothing was measured yet."""
    path = path_of(weights)
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def write(weights: Path, part: str, value: Any) -> None:
    """Puts `value` in the record as `part`, in place of an earlier one."""
    record = read(weights) | {part: value}
    with files.replacing(path_of(weights)) as path:
        path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def of_run(
    state: State, stored: Pictures, views: int, weights: Path, digest: str
) -> dict[str, Any]:
    """What is to be told of the run that made the weights.

    Args:
        state: its end.
        stored: the pictures.
        views: how many of them, all views together, the teacher has answered.
        weights: the exported file.
        digest: its sha256, hexadecimal.
    """
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "variant": state.settings.variant,
        "weights": sum(tensor.numel() for tensor in state.average.values()),
        "bytes": weights.stat().st_size,
        "sha256": digest,
        "sources": stored.sources,
        "held_out": int(stored.held_out.sum()),
        "views": views,
        "hardware": _hardware(),
        "seen": state.seen,
        "hours": state.wall_s / 3600,
        "core_hours": state.cpu_s / 3600,
        "settings": dataclasses.asdict(state.settings),
        "curve": state.curve,
    }


def of_recipe(name: str, state: State, flowers: float) -> dict[str, Any]:
    """A row of the comparison of recipes.

    Args:
        name: of its run.
        state: its end.
        flowers: top-1 of the linear probe on tf_flowers.
    """
    return {
        "name": name,
        "variant": state.settings.variant,
        "labels": state.settings.targets.labels,
        "batch": state.settings.batch,
        "rate": state.settings.schedule.rate,
        "seen": state.seen,
        "core_hours": state.cpu_s / 3600,
        "held_out": state.curve[-1]["held_out"],
        "tf_flowers": flowers,
    }


def _hardware() -> str:
    import torch

    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{os.cpu_count()} cores, {_processor()}{gpu}"


def _processor() -> str:
    """As the kernel calls it; the platform's word where there is no Linux."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
