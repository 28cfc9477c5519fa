"""The standard streams: whatever a terminal's encoding is, no name stops or garbles a run."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

# Drawings for which a short word would do, where an encoding lacks them.
_PLAIN = {"✓": "+", "✗": "x"}


def prepare() -> None:
    """Makes this process ready for names in any script; called first of all.

    Where the locale is not UTF-8, Python reads the names of files as that locale's and hands
    frameworks what they cannot encode. So the process starts over in Python's UTF-8 mode, and only
    what it prints keeps the terminal's encoding.
    """
    environment = utf8_environment(sys.getfilesystemencoding(), sys.stdout.encoding, os.environ)
    if environment is not None and sys.executable:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
    for stream in (sys.stdout, sys.stderr):
        tolerant(stream)


def utf8_environment(
    names: str, terminal: str, environment: Mapping[str, str]
) -> dict[str, str] | None:
    """What the environment must be for names to be UTF-8; None where they are.

    Args:
        names: the encoding of names of files.
        terminal: the encoding of stdout.
        environment: as it is.
    """
    if names.lower().replace("-", "") == "utf8" or environment.get("PYTHONUTF8") == "1":
        return None
    output = environment.get("PYTHONIOENCODING") or f"{terminal}:backslashreplace"
    return {**environment, "PYTHONUTF8": "1", "PYTHONIOENCODING": output}


def tolerant(stream: TextIO) -> TextIO:
    """The stream, which spells out the characters that its encoding lacks."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def mark(drawing: str, stream: TextIO) -> str:
    """The drawing, or a letter in its place on a stream that does not know it."""
    try:
        drawing.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return _PLAIN[drawing]
    return drawing


def console(stream: TextIO, **options: Any) -> Console:
    """A console of rich's on a tolerant stream, which highlights nothing by itself."""
    from rich.console import Console

    return Console(file=tolerant(stream), highlight=False, **options)
