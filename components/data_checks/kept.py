"""The file of the checks in an `anomalies` artifact, wherever TFX can write."""

from __future__ import annotations

from components import kept_json
from components.data_checks.results import FILE, Checked


def write(uri: str, checked: Checked) -> None:
    """Writes the file into the artifact at `uri`."""
    kept_json.write(uri, FILE, checked)


def read(uri: str) -> Checked | None:
    """What the artifact at `uri` says; None for one of before there were checks."""
    return kept_json.read_if_there(uri, FILE, Checked)
