"""What object stores have in common: files with long names, and no folders of their own."""

import errno
import glob
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator

from bitpipe.errors import StoreError
from bitpipe.pictures.limits import MAX_FILE_BYTES
from bitpipe.stores.store import Entry, Found


class StoreSilentError(StoreError, OSError):
    """A store that refuses, or does not answer: not the fault of the file that was asked for."""


class ObjectStore(ABC):
    """See `bitpipe.stores.store.Store`. All names of a folder or pattern are held in memory."""

    @abstractmethod
    def below(self, folder: str) -> Iterator[tuple[str, Entry]]:
        """All files below the folder, at any depth, by their paths relative to it; one listing."""

    @abstractmethod
    def match(self, pattern: str) -> Iterable[str]:
        """The files that a pattern matches: `*` within a name, `**` at any depth."""

    @abstractmethod
    def entry(self, path: str) -> Entry:
        """What is known of a file without reading it; fails as `Store.read`."""

    @abstractmethod
    def chunks(self, path: str) -> Iterator[bytes]:
        """A file of any size, in parts of a few megabytes; fails as `Store.read`."""

    @abstractmethod
    def read(self, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """See `Store`."""

    @abstractmethod
    def read_range(self, path: str, start: int, size: int) -> bytes:
        """See `Store`."""

    @abstractmethod
    def write(self, path: str, parts: Iterable[bytes]) -> None:
        """See `Store`."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """See `Store`."""

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        try:
            self.entry(path)
        except FileNotFoundError:
            return False
        return True

    def scan(self, folder: str) -> Iterator[Entry]:
        """See `Store`. Costs a listing of all that lies below."""
        nothing = True
        folders = set()
        for path, entry in self.below(folder):
            nothing = False
            name, *deeper = path.split("/")
            if not deeper:
                yield entry
            elif name not in folders:
                folders.add(name)
                yield Entry(name, is_folder=True)
        if nothing:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", folder)

    def identity(self, folder: str) -> None:  # noqa: ARG002  # there are no links
        """See `Store`: None, as there are no links."""
        return

    def find(self, given: str, wanted: Callable[[Entry], bool]) -> Iterator[Found]:
        """See `Store`."""
        if glob.has_magic(given):
            paths = sorted(self.match(given))
        elif not given.endswith("/") and self.exists(given):
            paths = [given]
        else:
            # In a single listing, unlike one by `scan`.
            for path, entry in sorted(self.below(given), key=lambda pair: pair[0].split("/")):
                *folders, _ = path.split("/")
                on_the_way = (Entry(folder, is_folder=True) for folder in folders)
                if all(map(wanted, on_the_way)) and wanted(entry):
                    yield Found(f"{given.rstrip('/')}/{path}")
            return
        for path in paths:
            yield Found(path)

    def names(self, folder: str) -> list[str]:
        """See `Store`."""
        prefix = f"{folder.rstrip('/')}/"
        return [path[len(prefix) :] for path in self.match(f"{prefix}*")]


def silent(path: str, what: str, reason: object) -> StoreSilentError:
    """What to tell of a store that refuses or does not answer.

    Args:
        path: an address in it.
        what: `read`, `written`, `listed`.
        reason: in the store's words.
    """
    said = str(reason).strip().rstrip(".") or type(reason).__name__
    return StoreSilentError(
        f"{path} cannot be {what}: {said}. Look after the address, your rights and the network, "
        "and run the same command again."
    )


def denied(path: str) -> PermissionError:
    """A store that has the file, and does not let it be read."""
    return PermissionError(errno.EACCES, "the store denies access", path)


def missing(path: str) -> FileNotFoundError:
    """A store that knows no such file."""
    return FileNotFoundError(errno.ENOENT, "No such file or directory", path)
