"""How much memory a piece of work takes, in this process and those that it starts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

# Between two looks. What comes and goes in between is seen in this process, by the system's own
# mark; other processes convert the same pictures.
_INTERVAL_S = 0.25


class Used:
    """Memory above what there was before.

    Attributes:
        bytes: the most at a time.
    """

    bytes: int = 0


@contextlib.contextmanager
def peak_above_now() -> Iterator[Used]:
    """Looks on while the block runs.

    Pages that processes share count once. Those that children need for the same imports are counted
    as theirs.
    """
    used, done = Used(), threading.Event()
    before, resident = _of_family(), psutil.Process().memory_info().rss
    Path("/proc/self/clear_refs").write_text("5")  # the mark is set anew: proc(5)

    def look() -> None:
        while not done.wait(_INTERVAL_S):
            used.bytes = max(used.bytes, _of_family() - before)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield used
    finally:
        done.set()
        watcher.join()
        used.bytes = max(used.bytes, _high_water_mark() - resident)


def _of_family() -> int:
    """Bytes of this process and its descendants, shared pages divided among those who map them."""
    me = psutil.Process()
    found = 0
    for process in (me, *me.children(recursive=True)):
        with contextlib.suppress(psutil.Error):  # it has just ended
            found += process.memory_full_info().pss
    return found


def _high_water_mark() -> int:
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
