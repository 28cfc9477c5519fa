"""A data folder with all that lies below it: on a disk, in an archive or in a store."""

import shlex
from collections import Counter
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from bitpipe.errors import DataError
from bitpipe.pictures.formats import is_candidate, is_litter
from bitpipe.stores.archives import ArchiveStore, archive_of
from bitpipe.stores.local import LocalStore
from bitpipe.stores.objects import ObjectStore
from bitpipe.stores.open import store_of
from bitpipe.stores.paths import is_remote, join
from bitpipe.stores.store import UNREADABLE, Entry, ReadableStore

# In which data sets are handed on, and what makes of each a thing that can be read in place.
_PACKED = frozenset((".7z", ".rar"))
_COMPRESSED = {
    **dict.fromkeys((".gz", ".tgz"), "gunzip"),
    **dict.fromkeys((".bz2", ".tbz2", ".tbz"), "bunzip2"),
    **dict.fromkeys((".xz", ".txz"), "unxz"),
    **dict.fromkeys((".zst", ".tzst"), "unzstd"),
}
# At which facts are asked for at a time.
_CONNECTIONS = 32
_TARS = frozenset((".tgz", ".tbz2", ".tbz", ".txz", ".tzst"))
# Where folders link to each other, ways to them multiply: ten that link to all others are reached
# in millions. Each way lists the same pictures once more.
_MOST_WAYS = 100


class File(msgspec.Struct, frozen=True, gc=False):
    """A file below a data folder; `path` is relative to it, with `/`."""

    path: str
    size: int  # bytes
    mtime_ns: int
    stamp: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Tree:
    """What lies below a data folder, in no order.

    Attributes:
        path: the folder.
        files: which may be pictures.
        skipped: files that by their names are certainly none.
        folders: paths of all folders, empty ones as well where the store knows them.
    """

    path: str
    files: tuple[File, ...]
    skipped: tuple[File, ...]
    folders: tuple[str, ...]

    @property
    def found(self) -> int:
        """Files of both kinds."""
        return len(self.files) + len(self.skipped)


def walk(path: str) -> Tree:
    """Lists what lies below `path`, at any depth.

    Hidden names and what file managers leave behind are passed over, and so is a link to a folder
    above it, be it `path` itself.

    Raises:
        DataError: a folder is missing or cannot be listed.
        StoreError: the store of an address is unknown, or does not answer.
    """
    store = _store(path)
    if isinstance(store, ObjectStore):
        return _walk_objects(store, path)
    files: list[File] = []
    skipped: list[File] = []
    folders: list[str] = []
    # Folders still to list, as a prefix and the folders above: a link to one of those is a cycle.
    pending: list[tuple[str, tuple[tuple[int, int] | None, ...]]] = [("", ())]
    ways: Counter[tuple[int, int]] = Counter()
    while pending:
        prefix, above = pending.pop()
        entries = _scan(store, join(path, prefix) if prefix else path, is_below=bool(prefix))
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
                    if entry.identity is not None:
                        ways[entry.identity] += 1
                        _refuse_maze(ways[entry.identity], join(path, name))
            else:
                file = File(name, entry.size, entry.mtime_ns, entry.stamp)
                (files if is_candidate(entry.name) else skipped).append(file)
    return Tree(path, tuple(files), tuple(skipped), tuple(folders))


def _walk_objects(store: ObjectStore, path: str) -> Tree:
    """The same of a store, in a single listing: it has no folders of its own."""
    files: list[File] = []
    skipped: list[File] = []
    folders: set[str] = set()
    for name, entry in store.below(path):
        parts = name.split("/")
        if any(map(is_litter, parts)):
            continue
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
        file = File(name, entry.size, entry.mtime_ns, entry.stamp)
        (files if is_candidate(entry.name) else skipped).append(file)
    if not files and not skipped:
        if store.exists(path):
            raise _not_listed(
                path, "is a file", "archives are read from disks of this machine: copy it to one"
            )
        raise _not_listed(path, "does not exist")
    return Tree(path, tuple(files), tuple(skipped), tuple(sorted(folders)))


def top(path: str) -> str:
    """The first folder on the way to a file or folder; empty where there is none."""
    first, slash, _ = path.partition("/")
    return first if slash else ""


def below(found: Tree, folder: str) -> Tree:
    """The tree of one of its folders."""

    def inside(files: tuple[File, ...]) -> tuple[File, ...]:
        return tuple(
            msgspec.structs.replace(file, path=file.path[len(folder) + 1 :])
            for file in files
            if file.path.startswith(f"{folder}/")
        )

    return Tree(
        join(found.path, folder),
        inside(found.files),
        inside(found.skipped),
        tuple(one[len(folder) + 1 :] for one in found.folders if one.startswith(f"{folder}/")),
    )


def single_way(found: Tree, marks: Collection[str] = ()) -> str:
    """The folder around a data set, to which each step down is the only one; empty for none.

    Args:
        found: the tree.
        marks: names of files that tell a data set where they lie, however many folders it has.
    """
    marked = {file.path.rpartition("/")[0] for file in found.skipped if _name(file.path) in marks}
    way = ""
    while True:
        prefix = f"{way}/" if way else ""
        below_it = [file.path[len(prefix) :] for file in found.files]
        steps = {path[len(prefix) :] for path in found.folders if path.startswith(prefix)}
        steps = {path for path in steps if path and "/" not in path}
        if way in marked or len(steps) != 1 or not all(map(top, below_it)):
            return way
        way = prefix + steps.pop()


def read(path: str, name: str) -> bytes:
    """The bytes of the file `name` below the data folder `path`; fails as `Source.read`."""
    if is_remote(name) or name.startswith("/"):
        return _store(name).read(name)
    # The folder decides whether it is in an archive: a file in it may be one itself.
    store = _store(path)
    if isinstance(store, ArchiveStore):  # which knows a file by one spelling of its path
        return store.read(join(path, name))
    return store.read(f"{path.rstrip('/')}/{name}")  # `join` takes as long as to read a small file


def read_range(path: str, name: str, start: int, size: int) -> bytes:
    """Some bytes of the file `name` below the data folder `path`; fails as `Source.read`."""
    return _store(path).read_range(join(path, name), start, size)


def one(path: str, name: str) -> File:
    """What is known of a file in the folder `path`.

    Raises:
        DataError: there is none, or the folder cannot be listed.
    """
    for entry in _scan(_store(path), path):
        if entry.name == name and not entry.is_folder:
            return File(name, entry.size, entry.mtime_ns, entry.stamp)
    raise _not_listed(join(path, name), "does not exist")


def facts(path: str, names: Collection[str]) -> dict[str, File]:
    """What is known of files below the folder `path` or elsewhere, without reading them.

    Neither size nor times of those that are not there: reading them will tell why.

    Args:
        path: the data folder.
        names: relative to it, absolute, or addresses.

    Raises:
        StoreError: the store of an address does not answer.
    """
    remote = [name for name in names if is_remote(name) or (is_remote(path) and name[0] != "/")]
    local = [] if is_remote(path) else [name for name in names if not is_remote(name)]
    if archive_kind(path):
        local = [name for name in local if name.startswith("/")]
    with ThreadPoolExecutor(_CONNECTIONS) as pool:  # which waits for answers
        known = dict(zip(remote, pool.map(lambda one: _remote(path, one), remote), strict=True))
    return known | {name: _local(path, name) for name in local}


def _remote(path: str, name: str) -> File:
    place = name if is_remote(name) else join(path, name)
    store = store_of(place)
    assert isinstance(store, ObjectStore)
    try:
        entry = store.entry(place)
    except UNREADABLE:
        return File(name, 0, 0, None)
    return File(name, entry.size, entry.mtime_ns, None)


def _local(path: str, name: str) -> File:
    try:
        stat = Path(path, name).stat()
    except (OSError, ValueError):
        return File(name, 0, 0, None)
    return File(name, stat.st_size, stat.st_mtime_ns, (stat.st_ctime_ns, stat.st_ino))


def archive_kind(path: str) -> str:
    """`zip archive` or `tar archive` where the path leads into one; else empty."""
    archive = None if is_remote(path) else archive_of(path)
    return f"{archive[-3:].lower()} archive" if archive else ""


def is_archive(name: str) -> bool:
    """Whether a file can be read in place as an archive, by its ending."""
    return PurePosixPath(name).suffix.lower() in (".zip", ".tar")


def parent_of_several(path: str) -> str:
    """The local folder above where that holds other folders, too; empty where it does not."""
    parent = Path(path).resolve().parent
    try:
        entries = [entry for entry in LocalStore().scan(str(parent)) if entry.is_folder]
    except OSError:
        return ""
    return str(parent) if sum(not is_litter(entry.name) for entry in entries) > 1 else ""


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _store(path: str) -> ReadableStore:
    archive = None if is_remote(path) else archive_of(path)
    return ArchiveStore(archive) if archive else store_of(path)


def _refuse_maze(ways: int, folder: str) -> None:
    if ways > _MOST_WAYS:
        raise DataError(
            f"At most {_MOST_WAYS} ways may lead to a folder of the data. "
            f"Received: more of them to {folder}, by links between folders; remove such links."
        )


def _scan(store: ReadableStore, place: str, *, is_below: bool = False) -> list[Entry]:
    """What is in a folder, which others may have listed.

    Args:
        store: that holds it.
        place: the folder.
        is_below: whether it was there when the one above it was listed.
    """
    remedy = "check the path"
    try:
        return list(store.scan(place))
    except FileNotFoundError:
        problem = "does not exist"
        if is_below:
            raise _not_readable(
                place, "vanished while it was listed", "run again once nobody changes the data"
            ) from None
    except PermissionError:
        raise _not_readable(
            place, "may not be listed (permission denied)", "make it readable, or move it away"
        ) from None
    except NotADirectoryError:
        problem = "is a file"
        suffix = PurePosixPath(place).suffix.lower()
        if suffix in _COMPRESSED:
            unpacked = str(PurePosixPath(place).with_suffix(".tar" if suffix in _TARS else ""))
            # To reach a picture in it, all before it would have to be unpacked again.
            remedy = (
                "a compressed file cannot be read in place: "
                f"`{_COMPRESSED[suffix]} --keep {shlex.quote(place)}`, then name {unpacked}"
            )
        elif suffix in _PACKED:
            remedy = "unpack it and name the folder with the classes"
    except OSError as error:
        problem = f"cannot be listed ({error.strerror or error})"
    raise _not_listed(place, problem, remedy)


def _not_readable(place: str, problem: str, remedy: str) -> DataError:
    return DataError(
        f"All folders of the data must be readable. Received: {place}, which {problem}; {remedy}."
    )


def _not_listed(place: str, problem: str, remedy: str = "check the path") -> DataError:
    return DataError(
        "--data must name a folder with one folder of pictures per class, or an archive (.zip, "
        ".tar), a manifest (.csv, .jsonl) or TFRecords. "
        f"Received: {place}, which {problem}; {remedy}."
    )
