"""A folder with all that lies below it, and its files' bytes, on a disk or in a store."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bitpipe.errors import DataError

# Left behind by file managers and archivers; compared in lower case.
_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder. `identity` tells a folder from all others where the system can."""

    name: str
    is_folder: bool
    size: int = 0
    mtime_ns: int = 0
    identity: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A file below a data folder; `path` is relative to it, with `/`."""

    path: str
    size: int  # bytes
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Tree:
    """All files and folders below a data folder, in no order; folders as paths, like files."""

    files: tuple[File, ...]
    folders: tuple[str, ...]


def walk(path: str) -> Tree:
    """Lists what lies below `path`, at any depth.

    Hidden names and what file managers leave behind are passed over, and so is a folder that links
    to one above it. Raises DataError when a folder cannot be listed.
    """
    files: list[File] = []
    folders: list[str] = []
    # Folders still to list, as a prefix and the folders above: a link to one of those is a cycle.
    pending: list[tuple[str, tuple[tuple[int, int] | None, ...]]] = [("", ())]
    while pending:
        prefix, above = pending.pop()
        for entry in _scan(path, prefix):
            if entry.name.startswith(".") or entry.name.lower() in _LITTER:
                continue
            name = prefix + entry.name
            if not entry.is_folder:
                files.append(File(name, entry.size, entry.mtime_ns))
            elif entry.identity is None or entry.identity not in above:
                folders.append(name)
                pending.append((f"{name}/", (*above, entry.identity)))
    return Tree(tuple(files), tuple(folders))


def top(path: str) -> str:
    """The first folder on the way to a file or folder; empty where there is none."""
    first, slash, _ = path.partition("/")
    return first if slash else ""


def read(path: str, name: str) -> bytes:
    """The bytes of the file `name` below the data folder `path`; fails as `Source.read`."""
    place = join(path, name)
    if is_remote(path):
        from components.image_example_gen import remote

        return remote.read(place)
    return Path(place).read_bytes()


def is_remote(path: str) -> bool:
    """Whether `path` is an address such as `gs://bucket/photos`."""
    return "://" in path


def join(path: str, name: str) -> str:
    """Where `name`, as listed, lies below the data folder `path`."""
    return f"{path.rstrip('/')}/{name}" if is_remote(path) else str(Path(path, name))


def _scan(path: str, prefix: str) -> list[Entry]:
    place = f"{path.rstrip('/')}/{prefix}" if prefix else path
    scan = _scan_local
    if is_remote(path):
        from components.image_example_gen import remote

        scan = remote.scan
    try:
        return list(scan(place))
    except FileNotFoundError:
        problem = "does not exist"
    except NotADirectoryError:
        problem = "is not a folder"
    except OSError as error:
        problem = f"cannot be listed ({error.strerror or error})"
    raise DataError(
        "The data folder must be a readable folder with one folder of pictures per class. "
        f"Received: {place}, which {problem}; check the path."
    )


def _scan_local(path: str) -> Iterable[Entry]:
    """Lists one local folder; a dangling link is a file that will turn out unreadable."""
    with os.scandir(path) as entries:
        for entry in entries:
            try:
                stat = entry.stat()
            except FileNotFoundError:
                yield Entry(entry.name, is_folder=False)
                continue
            if entry.is_dir():
                yield Entry(entry.name, is_folder=True, identity=(stat.st_dev, stat.st_ino))
            elif entry.is_file():  # Opening a pipe or a socket would wait for ever.
                yield Entry(entry.name, False, stat.st_size, stat.st_mtime_ns)
