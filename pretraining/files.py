"""Files that are there completely or not at all, whatever kills the process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` once the block ends without an error."""
    part = path.with_name(f"{path.name}.part")
    yield part
    with part.open("rb") as written:
        # Renaming is atomic, but without this a power cut may leave the new name with old blocks.
        os.fsync(written.fileno())
    part.replace(path)
