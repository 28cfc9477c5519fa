"""Stores that Beam knows: gs:// with the extra apache-beam[gcp], s3:// with apache-beam[aws]."""

import errno
import glob
import re
import uuid
from collections.abc import Callable, Iterable, Iterator

from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileMetadata
from apache_beam.io.filesystems import FileSystems

from bitpipe.errors import StoreError
from bitpipe.pictures.limits import MAX_FILE_BYTES
from bitpipe.stores.store import Entry, Found, UnfitFileError

_BINARY = "application/octet-stream"
_AS_IT_IS = CompressionTypes.UNCOMPRESSED


class RemoteStore:
    """See `bitpipe.stores.store.Store`. All names of a folder or pattern are held in memory.

    Args:
        path: an address in it.
    """

    def __init__(self, path: str) -> None:
        try:
            FileSystems.get_filesystem(path)
        except ValueError as error:
            raise StoreError(
                f"Beam, as it is installed, knows no store for {path}. Correct the address, or "
                f"install apache-beam[gcp] for gs:// or apache-beam[aws] for s3://."
            ) from error

    def scan(self, folder: str) -> Iterator[Entry]:
        """See `Store`. Costs a listing of all that lies below: object stores know no folders."""
        below = _below(folder)
        if not below:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", folder)
        folders = set()
        for path, facts in below:
            name, *deeper = path.split("/")
            if not deeper:
                yield _entry(name, facts)
            elif name not in folders:
                folders.add(name)
                yield Entry(name, is_folder=True)

    def identity(self, folder: str) -> None:  # noqa: ARG002  # there are no links
        """See `Store`: None, as there are no links."""
        return

    def find(self, given: str, wanted: Callable[[Entry], bool]) -> Iterator[Found]:
        """See `Store`."""
        if glob.has_magic(given):
            paths = match(given)
        elif not given.endswith("/") and FileSystems.exists(given):
            paths = [given]
        else:
            # In a single listing, unlike one by `scan`.
            for path, facts in sorted(_below(given), key=lambda pair: pair[0].split("/")):
                *folders, name = path.split("/")
                on_the_way = (Entry(folder, is_folder=True) for folder in folders)
                if all(map(wanted, on_the_way)) and wanted(_entry(name, facts)):
                    yield Found(f"{given.rstrip('/')}/{path}")
            return
        for path in sorted(paths):
            yield Found(path)

    def names(self, folder: str) -> list[str]:
        """See `Store`."""
        prefix = f"{folder.rstrip('/')}/"
        return [path[len(prefix) :] for path in match(f"{prefix}*")]

    def read(self, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """See `Store`."""
        try:
            with FileSystems.open(path, _BINARY, _AS_IT_IS) as file:
                data = bytes(file.read(max_bytes + 1))
        except OSError as error:
            # Each store has a way of its own of saying that there is no such file.
            if FileSystems.exists(path):
                raise
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path) from error
        if len(data) > max_bytes:
            raise UnfitFileError(errno.EFBIG, f"it has more than {max_bytes} bytes", path)
        return data

    def write(self, path: str, parts: Iterable[bytes]) -> None:
        """See `Store`. A rename, or a copy in its stead, puts the whole file in place."""
        # Under a name of its own, because closing a file after a failure would publish half of it.
        folder, _, name = path.rpartition("/")
        unfinished = f"{folder}/.{name}.{uuid.uuid4().hex}"
        try:
            with FileSystems.create(unfinished, _BINARY, _AS_IT_IS) as file:
                for part in parts:
                    file.write(part)
            FileSystems.rename([unfinished], [path])
        except BaseException:
            self.delete(unfinished)
            raise

    def delete(self, path: str) -> None:
        """See `Store`."""
        if FileSystems.exists(path):
            FileSystems.delete([path])


def match(pattern: str) -> list[str]:
    """Paths of the files that a pattern matches; StoreError where the store does not answer."""
    return [found.path for found in _match(pattern)]


def _match(pattern: str) -> list[FileMetadata]:
    try:
        return list(FileSystems.match([pattern])[0].metadata_list)
    except BeamIOError as error:
        raise StoreError(
            f"{pattern} cannot be listed: {error}. Correct the address, or your rights."
        ) from error


def _below(folder: str) -> list[tuple[str, FileMetadata]]:
    """All files below the folder, at any depth, by their paths relative to it."""
    prefix = f"{folder.rstrip('/')}/"
    # Beam's patterns know no way of quoting.
    found = _match(re.sub(r"[*?\[]", "?", prefix) + "**")
    below = ((file.path[len(prefix) :], file) for file in found if file.path.startswith(prefix))
    # An object named like a folder, with a slash at its end, is what some tools make of an empty
    # folder.
    return [(path, file) for path, file in below if path and not path.endswith("/")]


def _entry(name: str, facts: FileMetadata) -> Entry:
    return Entry(name, False, facts.size_in_bytes, int(facts.last_updated_in_seconds * 1e9))
