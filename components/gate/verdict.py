"""The gate's verdict in words, kept beside TFMA's numbers for blessed and refused models alike."""

from __future__ import annotations

import dataclasses
import json
import posixpath

from tfx.dsl.io import fileio

FILE = "verdict.json"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the gate decided.

    Attributes:
        blessed: whether the model may be pushed.
        objections: one sentence for each rule that it breaks; none where it is blessed.
        notes: sentences that change nothing.
    """

    blessed: bool
    objections: tuple[str, ...]
    notes: tuple[str, ...]


def write(uri: str, verdict: Verdict) -> None:
    """Writes the verdict into the `evaluation` artifact at `uri`."""
    with fileio.open(posixpath.join(uri, FILE), "w") as file:
        file.write(json.dumps(dataclasses.asdict(verdict), indent=2))


def read(uri: str) -> Verdict:
    """Reads the verdict of the `evaluation` artifact at `uri`."""
    with fileio.open(posixpath.join(uri, FILE)) as file:
        values = json.loads(file.read())
    return Verdict(values["blessed"], tuple(values["objections"]), tuple(values["notes"]))
