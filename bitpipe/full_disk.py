"""A disk without room: found in the words of whoever met it, and told by the folder to look after.

Each library has words of its own for it, and Beam and TFX put those of others into an error of
theirs; so it is decided here, once, for all commands.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from bitpipe.errors import DiskFullError, causes

_CODES = (errno.ENOSPC, errno.EDQUOT)
_WORDS = (
    *map(os.strerror, _CODES),  # of TensorFlow, HDF5, Arrow, and of Beam about its workers
    "database or disk is full",  # of SQLite
)
# With less, not even a page of ML Metadata's file and its journal can be written.
_NOTHING_BYTES = 16 << 10
# ML Metadata's, after SQLite has ended a transaction by itself: on a full disk, or one that fails.
# What it had written for it is free again.
_UNDONE = "cannot commit - no transaction is active"
_UNDONE_BYTES = 4 << 20


def is_meant(error: BaseException) -> bool:
    """Whether an error, or what it came of, says that there is no room on a disk."""
    return any(
        (isinstance(one, OSError) and one.errno in _CODES)
        or any(words in str(one) for words in _WORDS)
        for one in causes(error)
    )


def explained(
    error: BaseException,
    places: Mapping[Path, str],
    then: str = "run the same command again",
) -> DiskFullError | None:
    """What to tell of an error that a full disk has led to; None where it did not.

    Args:
        error: in whatever words. One that says something else counts where one of the places has no
            room at all: files that could not be written whole make readers stumble.
        places: the folders that were written to -> what users call them.
        then: what to do when there is room.
    """
    named = next((places[place] for place in places if _is_named(error, place)), None)
    if is_meant(error):
        known = named or (places[min(places, key=_free_bytes)] if places else _file(error))
    else:
        undone = any(_UNDONE in str(one) for one in causes(error))
        least = _UNDONE_BYTES if undone else _NOTHING_BYTES
        without = [place for place in places if _free_bytes(place) < least]
        if not without:
            return None
        known = places[without[0]]
    of = f"the disk of {known}" if known else "a disk"
    return DiskFullError(f"there is no room left on {of}. Make room, and {then}.")


def _is_named(error: BaseException, place: Path) -> bool:
    return any(f"{place}{os.sep}" in text for one in causes(error) for text in _texts(one))


def _texts(error: BaseException) -> Iterator[str]:
    yield str(error)
    if isinstance(error, OSError):
        yield from (str(name) for name in (error.filename, error.filename2) if name is not None)


def _file(error: BaseException) -> str:
    """The file that could not be written, where the error knows it."""
    names = (one.filename for one in causes(error) if isinstance(one, OSError))
    return next((os.fsdecode(name) for name in names if isinstance(name, (str, bytes))), "")


def _free_bytes(place: Path) -> int:
    """Of the disk of a folder, or of the nearest one above it that is there."""
    for folder in (place, *place.parents):
        try:
            facts = os.statvfs(folder)
        except OSError:
            continue
        return facts.f_bavail * facts.f_frsize
    return 0
