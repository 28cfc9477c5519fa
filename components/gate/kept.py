"""The files of the gate in an `evaluation` artifact, wherever TFX can write."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

import msgspec
from tfx.dsl.io import fileio

from components import kept_json
from components.gate import predictions, verdict
from components.gate.predictions import Prediction
from components.gate.verdict import Measured, Verdict


def write_predictions(uri: str, found: Iterable[Prediction]) -> None:
    """Writes the answers into the artifact at `uri`, sorted by the pictures' names."""
    ordered = sorted(found, key=lambda one: (one.filename, one.sha256))
    with fileio.open(posixpath.join(uri, predictions.FILE), "wb") as file:
        for one in ordered:
            file.write(msgspec.json.encode(one) + b"\n")


def read_predictions(uri: str) -> Iterator[Prediction]:
    """Reads the answers of the artifact at `uri`."""
    yield from read_lines(posixpath.join(uri, predictions.FILE))


def read_lines(path: str) -> Iterator[Prediction]:
    """Reads one file of answers."""
    decoder = msgspec.json.Decoder(Prediction)
    with fileio.open(path, "rb") as file:
        for line in file:
            yield decoder.decode(line)


def write_verdict(uri: str, said: Verdict, measured: Measured) -> None:
    """Writes both into the artifact at `uri`."""
    for name, value in ((verdict.FILE, said), (verdict.MEASURES_FILE, measured)):
        kept_json.write(uri, name, value)


def has_verdict(uri: str) -> bool:
    """Whether there is one; artifacts of before verdicts were written have none."""
    return bool(fileio.exists(posixpath.join(uri, verdict.FILE)))


def read_verdict(uri: str) -> Verdict:
    """Reads the verdict of the artifact at `uri`."""
    return kept_json.read(uri, verdict.FILE, Verdict)


def read_measured(uri: str) -> Measured:
    """Reads what the verdict is made of."""
    return kept_json.read(uri, verdict.MEASURES_FILE, Measured)
