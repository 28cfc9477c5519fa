"""Digests of the bytes of a folder's files, of which only those are read that may have changed.

Size and time say nothing where they are equal by chance or on purpose: of bitmaps, say, or of what
comes out of an archive. As git does, a file is read again once anything about it differs that the
system tells: size, times, inode. So a folder that was copied or touched costs another reading, and
is known to be the same.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bitpipe import cache
from bitpipe.stores.local import LocalStore
from bitpipe.stores.store import UNREADABLE
from components.image_example_gen.listing import ListedPicture, Listing
from components.image_example_gen.sources import registry

# Reading waits for the disk, and hashing releases the GIL.
_THREADS = min(os.cpu_count() or 1, 16)
# Files that a thread takes at a time: to hand over each takes longer than to read a small one.
_PART = 64

# What a file was when it was read, see `_mark`, and its digest.
Known = tuple[list[int], str]
_UNKNOWN: Known = ([], "")
# A file that was written this shortly before may be written again without its time changing.
_SETTLED_NS = 2 * 10**9


def digests(listing: Listing) -> dict[str, str]:
    """SHA-256 of each file on a disk, by its path; empty for one that cannot be read.

    Those that were read before are remembered in the user's cache, where it can be written. Files
    in a store such as gs:// are left out: their sizes and times have to do.

    Raises:
        OSError: the disk fails.
    """
    local = [picture for picture in listing.pictures if picture.stamp is not None]
    if not local:
        return {}
    memory = cache.folder() / "contents" / f"{_name(listing.path)}.json"
    known = _recall(memory)
    now = time.time_ns()
    found: dict[str, str] = {}
    unread: list[ListedPicture] = []
    for picture in local:
        mark, digest = known.get(picture.path, _UNKNOWN)
        if mark == _mark(picture):
            found[picture.path] = digest
        else:
            unread.append(picture)
    with ThreadPoolExecutor(_THREADS) as pool:
        parts = [unread[start : start + _PART] for start in range(0, len(unread), _PART)]
        for part, read in zip(parts, pool.map(partial(_read, listing.path), parts), strict=True):
            found.update(zip((one.path for one in part), read, strict=True))
    if unread or len(known) != len(local):
        settled = (one for one in local if one.stamp and now - one.stamp[0] > _SETTLED_NS)
        _remember(memory, {one.path: (_mark(one), found[one.path]) for one in settled})
    return found


def _mark(picture: ListedPicture) -> list[int]:
    return [picture.size, picture.mtime_ns, *(picture.stamp or ())]


def _read(path: str, pictures: Sequence[ListedPicture]) -> list[str]:
    return [_digest(path, picture) for picture in pictures]


def _digest(path: str, picture: ListedPicture) -> str:
    try:
        data = registry.by_name(picture.source).read(path, picture)
    except UNREADABLE:
        return ""  # the ingest will list it
    return hashlib.sha256(data).hexdigest()


def _name(path: str) -> str:
    return hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:32]


def _recall(memory: Path) -> Mapping[str, Known]:
    with contextlib.suppress(OSError, ValueError, TypeError):  # none yet, or damaged
        known = json.loads(memory.read_bytes())
        return {name: (mark, digest) for name, (mark, digest) in dict(known).items()}
    return {}


def _remember(memory: Path, known: Mapping[str, Known]) -> None:
    with contextlib.suppress(OSError):  # without it, all is read again
        LocalStore().write(str(memory), [json.dumps(known).encode()])
