"""JSON files of msgspec's types in artifacts, wherever TFX can write."""

from __future__ import annotations

import posixpath
from typing import TypeVar

import msgspec
from tfx.dsl.io import fileio

_Kind = TypeVar("_Kind")


def write(uri: str, name: str, value: object) -> None:
    """Writes the file `name` into the artifact at `uri`, for people to read, too."""
    with fileio.open(posixpath.join(uri, name), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(value), indent=2))


def read(uri: str, name: str, kind: type[_Kind]) -> _Kind:
    """Reads the file `name` of the artifact at `uri`."""
    with fileio.open(posixpath.join(uri, name), "rb") as file:
        return msgspec.json.decode(file.read(), type=kind)


def read_if_there(uri: str, name: str, kind: type[_Kind]) -> _Kind | None:
    """The same; None where the artifact has no such file."""
    return read(uri, name, kind) if fileio.exists(posixpath.join(uri, name)) else None
