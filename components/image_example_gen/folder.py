"""What lies in a folder of labelled pictures, `DIR/<class>/**/<file>`, before anything is read.

Standard library only: the command line calls `check_folder` before any framework is imported.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
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


# Lists one folder; raises OSError when it cannot.
Scan = Callable[[str], Iterable[Entry]]


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file below a class folder; `filename` is relative to the data folder, with `/`.

    `depth` counts the folders in front of the class: those of a span, where there are several.
    """

    filename: str
    size: int
    mtime_ns: int
    depth: int = 0

    @property
    def label(self) -> str:
        return label_of(self.filename, self.depth)


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """A listed data folder: files and classes sorted by name, and the loose files left out."""

    path: str
    files: tuple[ListedFile, ...]
    classes: tuple[str, ...]
    loose_files: int

    def fingerprint(self) -> str:
        """A digest of names, sizes and times: equal exactly when nothing was touched.

        TFX's own fingerprint combines sizes and times only, so it misses a file that moved from one
        class folder to another, and a corrected label would be answered from the cache.
        """
        digest = hashlib.sha256()
        for label in self.classes:
            digest.update(_utf8(f"{label}\0"))
        for file in self.files:
            digest.update(_utf8(f"{file.filename}\0{file.size}\0{file.mtime_ns}\0"))
        return f"files:{len(self.files)},sha256:{digest.hexdigest()}"


def scan_local(path: str) -> Iterator[Entry]:
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


def list_folder(path: str, scan: Scan = scan_local) -> ImageFolder:
    """Lists the pictures below the class folders of `path`, in an order that never changes.

    Hidden names and what file managers leave behind are passed over; files that lie directly in
    `path` have no class and are only counted. Raises DataError when `path` cannot be listed.
    """
    files: list[ListedFile] = []
    classes: list[str] = []
    loose_files = 0
    # Folders still to list, as a prefix and the folders above: a link to one of those is a cycle.
    pending: list[tuple[str, tuple[tuple[int, int] | None, ...]]] = [("", ())]
    while pending:
        prefix, above = pending.pop()
        for entry in _scan(path, prefix, scan):
            if entry.name.startswith(".") or entry.name.lower() in _LITTER:
                continue
            name = prefix + entry.name
            if not entry.is_folder:
                if prefix:
                    files.append(ListedFile(name, entry.size, entry.mtime_ns))
                else:
                    loose_files += 1
            elif entry.identity is None or entry.identity not in above:
                if not prefix:
                    classes.append(_checked_label(entry.name, path))
                pending.append((f"{name}/", (*above, entry.identity)))
    files.sort(key=lambda file: file.filename)
    return ImageFolder(path, tuple(files), tuple(sorted(classes)), loose_files)


def check_folder(path: str, min_images_per_class: int = 2) -> ImageFolder | None:
    """Refuses, within milliseconds, a data folder that cannot become a training set.

    Counts files, not readable pictures: that is known only after the ingest. A remote address such
    as `gs://bucket/photos` cannot be listed without TensorFlow: it is left to the ingest, and the
    answer is `None`.

    Raises:
        DataError: `path` is missing or no folder, holds no file in a class folder or only one
            class, or a class with fewer than `min_images_per_class` files.
    """
    if is_remote(path):
        return None
    folder = list_folder(path)
    if not folder.files:
        loose = f" ({folder.loose_files} files lie directly in it)" if folder.loose_files else ""
        raise DataError(
            "The data folder must hold one folder of pictures per class, such as roses/1.jpg. "
            f"Received: no picture in any class folder of {path}{loose}; put the pictures there."
        )
    if len(folder.classes) < 2:
        raise DataError(
            "A classifier needs at least 2 classes. "
            f"Received: only {folder.classes[0]!r} in {path}; add a folder for each further class."
        )
    counts = dict.fromkeys(folder.classes, 0)
    for file in folder.files:
        counts[file.label] += 1
    few = [f"{label!r} has {n}" for label, n in counts.items() if n < min_images_per_class]
    if few:
        more = f" and {len(few) - 3} more classes" if len(few) > 3 else ""
        raise DataError(
            f"Each class needs at least {min_images_per_class} pictures. "
            f"Received: {', '.join(few[:3])}{more} in {path}; "
            "add pictures or remove the folder."
        )
    return folder


def merge(path: str, spans: Mapping[str, ImageFolder]) -> ImageFolder:
    """Several listed folders as one; their names are relative to `path` and lead the files'."""
    files = [
        ListedFile(f"{name}/{file.filename}", file.size, file.mtime_ns, name.count("/") + 1)
        for name, span in spans.items()
        for file in span.files
    ]
    return ImageFolder(
        path,
        tuple(sorted(files, key=lambda file: file.filename)),
        tuple(sorted({label for span in spans.values() for label in span.classes})),
        sum(span.loose_files for span in spans.values()),
    )


def label_of(filename: str, depth: int = 0) -> str:
    """The class of a file, as listed: the folder of its name behind `depth` others."""
    return filename.split("/", depth + 1)[depth]


def is_remote(path: str) -> bool:
    """Whether only `tf.io.gfile` can list `path`, as with `gs://bucket/photos`."""
    return "://" in path


def _scan(path: str, prefix: str, scan: Scan) -> list[Entry]:
    place = f"{path.rstrip('/')}/{prefix}" if prefix else path
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


def _checked_label(name: str, path: str) -> str:
    # The label vocabulary of Transform is a text file with a class per line.
    if any(line_end in name for line_end in "\r\n") or not name.strip():
        problem = "must fit on one line and not be blank"
    elif name.encode(errors="replace").decode() != name:
        problem = "must be valid UTF-8"
    else:
        return name
    raise DataError(
        f"The name of a class folder {problem}. Received: {name!a} in {path}; rename the folder."
    )


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def join(path: str, filename: str) -> str:
    """Where `filename`, as listed, lies below the data folder `path`."""
    return f"{path.rstrip('/')}/{filename}" if is_remote(path) else str(Path(path, filename))
