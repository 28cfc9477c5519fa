"""A data folder with all that lies below it, on a disk or in a store; standard library only."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from bitpipe.errors import DataError
from bitpipe.pictures.formats import is_candidate, is_litter
from bitpipe.stores.open import store_of
from bitpipe.stores.paths import join
from bitpipe.stores.store import Entry, Store

# In which data sets are handed on.
_ARCHIVES = frozenset((".7z", ".gz", ".bz2", ".rar", ".tar", ".tgz", ".xz", ".zip", ".zst"))


@dataclass(frozen=True, slots=True)
class File:
    """A file below a data folder; `path` is relative to it, with `/`."""

    path: str
    size: int  # bytes
    mtime_ns: int
    stamp: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Tree:
    """What lies below a data folder, in no order.

    Attributes:
        files: which may be pictures.
        skipped: paths of files that by their names are certainly none.
        folders: paths of all folders, empty ones as well where the store knows them.
    """

    files: tuple[File, ...]
    skipped: tuple[str, ...]
    folders: tuple[str, ...]


def walk(path: str) -> Tree:
    """Lists what lies below `path`, at any depth.

    Hidden names and what file managers leave behind are passed over, and so is a link to a folder
    above it, be it `path` itself.

    Raises:
        DataError: a folder is missing or cannot be listed.
        StoreError: the store of an address is unknown, or does not answer.
    """
    store = store_of(path)
    files: list[File] = []
    skipped: list[str] = []
    folders: list[str] = []
    # Folders still to list, as a prefix and the folders above: a link to one of those is a cycle.
    pending: list[tuple[str, tuple[tuple[int, int] | None, ...]]] = [("", ())]
    while pending:
        prefix, above = pending.pop()
        entries = _scan(store, join(path, prefix) if prefix else path)
        if not prefix:  # after the scan, which tells what is wrong with it
            above = (store.identity(path),)
        for entry in entries:
            name = prefix + entry.name
            if is_litter(entry.name):
                continue
            if entry.is_folder:
                if entry.identity is None or entry.identity not in above:
                    folders.append(name)
                    pending.append((f"{name}/", (*above, entry.identity)))
            elif is_candidate(entry.name):
                files.append(File(name, entry.size, entry.mtime_ns, entry.stamp))
            else:
                skipped.append(name)
    return Tree(tuple(files), tuple(skipped), tuple(folders))


def top(path: str) -> str:
    """The first folder on the way to a file or folder; empty where there is none."""
    first, slash, _ = path.partition("/")
    return first if slash else ""


def read(path: str, name: str) -> bytes:
    """The bytes of the file `name` below the data folder `path`; fails as `Source.read`."""
    return store_of(path).read(join(path, name))


def _scan(store: Store, place: str) -> list[Entry]:
    remedy = "check the path"
    try:
        return list(store.scan(place))
    except FileNotFoundError:
        problem = "does not exist"
    except NotADirectoryError:
        problem = "is a file"
        if PurePosixPath(place).suffix.lower() in _ARCHIVES:
            remedy = "unpack it and name the folder with the classes"
    except OSError as error:
        problem = f"cannot be listed ({error.strerror or error})"
    raise DataError(
        "The data folder must be a readable folder with one folder of pictures per class. "
        f"Received: {place}, which {problem}; {remedy}."
    )
