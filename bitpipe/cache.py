"""The folder for what can be fetched or found out again."""

import os
from pathlib import Path


def folder() -> Path:
    """`$BITPIPE_CACHE`, or the XDG cache folder's `bitpipe`; it may not exist yet."""
    if configured := os.environ.get("BITPIPE_CACHE"):
        return Path(configured).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "bitpipe"
