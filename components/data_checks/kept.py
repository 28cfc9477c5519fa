"""The file of the checks in an `anomalies` artifact, wherever TFX can write."""

from __future__ import annotations

import posixpath

import msgspec
from tfx.dsl.io import fileio

from components.data_checks.results import FILE, Checked


def write(uri: str, checked: Checked) -> None:
    """Writes the file into the artifact at `uri`."""
    with fileio.open(posixpath.join(uri, FILE), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(checked), indent=2))


def read(uri: str) -> Checked | None:
    """What the artifact at `uri` says; None for one of before there were checks."""
    path = posixpath.join(uri, FILE)
    if not fileio.exists(path):
        return None
    with fileio.open(path, "rb") as file:
        return msgspec.json.decode(file.read(), type=Checked)
