"""The picture files that a user means, and their bytes."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bitpipe.errors import UnreadablePictureError
from bitpipe.pictures import normalise as pictures

# Of the formats which `bitpipe.pictures.normalise` reads. A file that the user names may be
# called anything.
SUFFIXES = frozenset(
    {
        *(".avif", ".bmp", ".gif", ".ico", ".j2k", ".jp2", ".jpe", ".jpeg", ".jpg", ".jpx"),
        *(".mpo", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
    }
)
# A file is read whole, and none within `bitpipe.pictures.normalise.MAX_PIXELS` needs more.
MAX_FILE_BYTES = 2**30


@dataclass(frozen=True)
class Source:
    """A file to be read, or what could not be searched for files.

    Attributes:
        path: as the user named it, or below the folder that the user named.
        problem: why nothing is there to be read; empty for a file.
    """

    path: Path
    problem: str = ""


def find(inputs: Iterable[str | os.PathLike[str]]) -> Iterator[Source]:
    """The files that `inputs` mean, in their order.

    A folder means the pictures below it, sorted by name, without hidden ones and without following
    links to folders. A name with `*`, `?` or `[...]` that is no file means what matches, sorted,
    as in a shell; `**` matches any folders. Of a folder, only the names in the folders on the way
    are held in memory.
    """
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            yield from _or_problem(path, _below(path), "the folder holds no pictures")
        elif glob.has_magic(str(path)) and not os.path.lexists(path):
            yield from _or_problem(path, _matching(str(path)), "no file matches")
        else:
            yield Source(path)


def read(source: Source) -> bytes:
    """The picture, as upright JPEG or PNG.

    Raises:
        UnreadablePictureError: missing, no file, too large, or not a picture; bears its path.
    """
    if source.problem:
        raise UnreadablePictureError(source.problem, source.path)
    try:
        facts = source.path.stat()
    except OSError as error:
        raise UnreadablePictureError(str(error.strerror or error), source.path) from error
    # Reading a pipe or a device may never end.
    if not stat.S_ISREG(facts.st_mode):
        raise UnreadablePictureError("it is not a file", source.path)
    if facts.st_size > MAX_FILE_BYTES:
        raise UnreadablePictureError(
            f"it has {facts.st_size} bytes, more than {MAX_FILE_BYTES}", source.path
        )
    return pictures.read(source.path)


def _or_problem(path: Path, sources: Iterator[Source], problem: str) -> Iterator[Source]:
    first = next(sources, None)
    if first is None:
        yield Source(path, problem)
        return
    yield first
    yield from sources


def _below(folder: Path) -> Iterator[Source]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(
                (entry.name, entry.is_dir(follow_symlinks=False))
                for entry in entries
                if not entry.name.startswith(".")
            )
    except OSError as error:
        yield Source(folder, f"the folder cannot be read ({error.strerror or error})")
        return
    for name, is_folder in found:
        path = folder / name
        if is_folder:
            yield from _below(path)
        elif path.suffix.lower() in SUFFIXES:
            yield Source(path)


def _matching(pattern: str) -> Iterator[Source]:
    for name in sorted(glob.iglob(pattern, recursive=True)):  # noqa: PTH207  # may be absolute
        path = Path(name)
        if not path.is_dir():
            yield Source(path)
        elif "**" not in pattern:  # which matches what is in the folder by itself
            yield from _below(path)
