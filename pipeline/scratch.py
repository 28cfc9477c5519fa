"""The temporary files of one run: in a folder that ends with it, or with the next run.

TensorFlow, Beam and TFX each leave theirs behind when they are killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline import interruption

_PREFIX = "bitpipe-run-"
# Held by the process of the run, so that it is free as soon as that ends in whatever way.
_LOCK = ".lock"
# Older than this, a folder without a lock is not one that is being made.
_ABANDONED_S = 24 * 3600.0


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A new folder in which this process and its children make their temporary files.

    Those of runs that were killed are removed.
    """
    parent = Path(tempfile.gettempdir())
    _sweep(parent)
    place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = _lock(place)
    former = tempfile.tempdir
    # Modules of TF Hub are no temporary files, although its own default would keep them there.
    changes = {"TMPDIR": str(place), "TFHUB_CACHE_DIR": str(parent / "tfhub_modules")}
    changes["TFHUB_CACHE_DIR"] = os.environ.get("TFHUB_CACHE_DIR", changes["TFHUB_CACHE_DIR"])
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    tempfile.tempdir = str(place)
    try:
        with interruption.cleaning(lambda: shutil.rmtree(place, ignore_errors=True)):
            yield place
    finally:
        tempfile.tempdir = former
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        shutil.rmtree(place, ignore_errors=True)
        os.close(lock)


def _lock(place: Path) -> int:
    """Locked before it has the name that another run looks for."""
    unfinished = place / f"{_LOCK}.new"
    lock = os.open(unfinished, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    unfinished.rename(place / _LOCK)
    return lock


def _sweep(parent: Path) -> None:
    for place in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or another run is sweeping
            if place.is_symlink() or place.stat().st_uid != os.getuid():
                continue
            if _is_left(place):
                shutil.rmtree(place, ignore_errors=True)


def _is_left(place: Path) -> bool:
    try:
        lock = os.open(place / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return time.time() - place.stat().st_mtime > _ABANDONED_S
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
