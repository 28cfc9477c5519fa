"""What a compiled pipeline says of its runs to the task that reports them."""

from __future__ import annotations

import base64

import msgspec

from pipeline.report.facts import Told

# Stands in what is compiled for the folder that a run is given.
DATA = "DATA"


def pack(told: Told) -> str:
    """Text for a command line; base64 passes all that it goes through unharmed."""
    return base64.b64encode(msgspec.json.encode(told)).decode()


def unpack(text: str, data: str) -> Told:
    """What `pack` was given, of a run on `data`."""
    told = msgspec.json.decode(base64.b64decode(text), type=Told)
    return msgspec.structs.replace(told, data=data, command=told.command.replace(DATA, data))
