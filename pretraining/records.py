"""What was measured on exported weights, as JSON beside them: the card is written from it."""

from __future__ import annotations

import dataclasses
import datetime
import json
from pathlib import Path
from typing import Any

from pretraining import checkpoints, files


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


def of_run(state: checkpoints.State, weights: Path, digest: str) -> dict[str, Any]:
    """What is to be told of the run that made the weights.

    Args:
        state: its end.
        weights: the exported file.
        digest: its sha256, hexadecimal.
    """
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "variant": state.settings.variant,
        "weights": sum(tensor.numel() for tensor in state.average.values()),
        "bytes": weights.stat().st_size,
        "sha256": digest,
        "seen": state.seen,
        "hours": state.wall_s / 3600,
        "core_hours": state.cpu_s / 3600,
        "settings": dataclasses.asdict(state.settings),
        "curve": state.curve,
    }
