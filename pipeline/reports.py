"""Where the reports of runs on this machine are, without any framework."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bitpipe.errors import ConfigError

PAGE = "report.html"
FOLDER = "reports"


def find(run: Path) -> Path:
    """The page of a run.

    Args:
        run: the folder of all outputs, whose latest page is taken, or that of one page.

    Raises:
        ConfigError: there is none.
    """
    if (run / PAGE).is_file():
        return run / PAGE
    if pages := sorted((run / FOLDER).glob(f"*/{PAGE}")):
        return pages[-1]
    if run.is_file() and run.name == PAGE:
        return run
    raise ConfigError(
        "RUN must be the folder of `bitpipe run --out` or one of its reports. "
        f"Received: {run}, which holds none; a run writes its report when it has its verdict."
    )


def has_desktop() -> bool:
    """Whether there is a screen for a browser; over SSH there is none."""
    return sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
