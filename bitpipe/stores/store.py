"""What is asked of the place where files lie: a disk of this machine, or a store such as gs://."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from bitpipe.pictures.limits import MAX_FILE_BYTES


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder.

    Attributes:
        name: without the folder's.
        is_folder: whether it is a folder, or a link to one.
        size: bytes; 0 for folders, and for links that lead nowhere.
        mtime_ns: when it was changed last, nanoseconds since 1970; 0 where nobody knows.
        stamp: when anything about it was changed last, nanoseconds since 1970, and its inode: tells
            it from what lay there before with the same size and time; None where nobody knows.
        identity: tells a folder from all others, whatever links lead to it; None where the system
            cannot, or has no links.
    """

    name: str
    is_folder: bool
    size: int = 0
    mtime_ns: int = 0
    stamp: tuple[int, int] | None = field(default=None, compare=False)
    identity: tuple[int, int] | None = None


class Found(NamedTuple):
    """A file's path, or a place that could not be searched for files and why."""

    path: str
    problem: str = ""


class UnfitFileError(OSError):
    """Something is there, but no file that can be read whole: a folder, a pipe, or too large."""


# What the file itself is to blame for. Anything else that `read` raises, such as a store that does
# not answer, may be gone at the next try.
UNREADABLE = (FileNotFoundError, NotADirectoryError, PermissionError, UnfitFileError)


class ReadableStore(Protocol):
    """Files by their paths. What fails for another reason than a missing file raises OSError."""

    def scan(self, folder: str) -> Iterator[Entry]:
        """What is in the folder, in no particular order; not what is below its folders.

        Pipes, sockets and devices are left out.

        Raises:
            FileNotFoundError: there is no such folder. Stores which know folders only by what is in
                them raise it for an empty one.
            NotADirectoryError: it is a file.
            OSError, StoreError: it cannot be listed.
        """

    def identity(self, folder: str) -> tuple[int, int] | None:
        """Tells the folder from all others, as `Entry.identity`; OSError where there is none."""

    def read(self, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """A whole file.

        Raises:
            FileNotFoundError: there is none.
            UnfitFileError: it is no file, or has more than `max_bytes`.
            OSError: anything else; see `UNREADABLE`.
        """

    def read_range(self, path: str, start: int, size: int) -> bytes:
        """`size` bytes from a position on, fewer where the file ends; fails as `read`.

        Raises:
            UnfitFileError: it is compressed, and would have to be unpacked up to there.
        """


class Store(ReadableStore, Protocol):
    """A store where files are looked for, and written."""

    def find(self, given: str, wanted: Callable[[Entry], bool]) -> Iterator[Found]:
        """The files that `given` means: itself, all below a folder, or what a pattern matches.

        Below a folder, only files and folders which are `wanted` count, sorted by name; links are
        followed unless they lead to a folder above. A file that is named is there, wanted or not,
        and so is one that a pattern matches. None where a folder holds none or nothing matches.

        Raises:
            StoreError: the store cannot be listed.
        """

    def names(self, folder: str) -> list[str]:
        """Names of the files in the folder; none where there is no such folder."""

    def write(self, path: str, parts: Iterable[bytes]) -> None:
        """Makes the file, with its folder, once all parts are there; replaces one of that name.

        Until then it has another name, a dot before its own.
        """

    def delete(self, path: str) -> None:
        """Removes the file, if it is there."""
