"""A run's state on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from bitpipe.errors import ConfigError
from pretraining import files
from pretraining.batches import Targets
from pretraining.schedule import Schedule
from pretraining.state import Settings, State

FILE = "checkpoint.pt"


def save(state: State, run: Path) -> None:
    """Writes the state; the one before stays until this one is complete."""
    run.mkdir(parents=True, exist_ok=True)
    record = {field.name: getattr(state, field.name) for field in dataclasses.fields(State)}
    record["settings"] = dataclasses.asdict(state.settings)
    with files.replacing(run / FILE) as path:
        torch.save(record, path)


def load(run: Path) -> State | None:
    """The state of a run; None where it has not begun.

    Raises:
        ConfigError: the file is damaged, or of another version of this tool.
    """
    path = run / FILE
    if not path.exists():
        return None
    try:
        record = torch.load(path, map_location="cpu", weights_only=True)
        settings = record.pop("settings")
        schedule = settings.pop("schedule")
        schedule["sizes"] = tuple(tuple(pair) for pair in schedule["sizes"])
        return State(
            settings=Settings(
                **settings | {"targets": Targets(**settings["targets"])},
                schedule=Schedule(**schedule),
            ),
            **record,
        )
    except Exception as error:  # unpickling runs into every kind of error
        raise ConfigError(f"{path} cannot be read: {error}. Delete it to begin anew.") from error
