"""Files of this machine that appear whole, or stay what they were."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from pathlib import Path


def write(path: Path, parts: Iterable[bytes]) -> None:
    """Puts a file in place by a rename, once all of it is on the disk.

    Args:
        path: in a folder that is there.
        parts: the content.

    Raises:
        OSError: it cannot be written; what was there before is there still.
    """
    # A name of its own: several may write the same file.
    unfinished = path.with_name(f"{prefix(path)}{uuid.uuid4().hex}")
    try:
        with unfinished.open("wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())  # else a power cut may leave the name without the content
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def prefix(path: Path) -> str:
    """With what the name of each file begins that a killed process may leave beside `path`."""
    return f".{path.name}."
