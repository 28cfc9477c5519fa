"""What tells weights from others that are called the same: the content of their files."""

from __future__ import annotations

import contextlib
import hashlib
import time
from pathlib import Path

from bitpipe import cache
from bitpipe.errors import WeightsError
from bitpipe.stores.local import LocalStore
from components.bit import download, files, sources

# Reading as much anew costs less than remembering it.
_SMALL_BYTES = 16 << 20


def of(source: str | Path) -> str:
    """What tells weights from others that are called the same.

    Returns:
        64 hex digits of a sha256 over names and contents of the files, which are fetched if need
        be; known beforehand for those of this package; empty for released files, which their
        address tells from all others: `download` brings them as they are or not at all.

    Raises:
        WeightsError: the source cannot be had or read.
    """
    if (known := sources.find(source)) and known.form != "hub":
        return known.sha256 or ""
    path = files.local(source)
    try:
        return _digest_of_folder(path) if path.is_dir() else _digest(path)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}.") from error


def _digest_of_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()}\0{_digest(path)}\0".encode())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    """Remembers that of a large file for as long as nothing says that it was touched."""
    facts = path.stat()
    if facts.st_size < _SMALL_BYTES:
        return download.digest(path)
    touched = max(facts.st_mtime_ns, facts.st_ctime_ns)
    place = (str(path.resolve()), facts.st_dev, facts.st_ino)
    key = repr((place, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)).encode()
    note = cache.folder() / "digests" / hashlib.sha256(key).hexdigest()
    with contextlib.suppress(OSError):
        known = note.read_text()
        if len(known) == hashlib.sha256().digest_size * 2:
            return known
    found = download.digest(path)
    if time.time_ns() - touched > download.CLOCK_TICK_NS:
        with contextlib.suppress(OSError):  # a cache that cannot be written costs seconds
            LocalStore().write(str(note), [found.encode()])
    return found
