"""Stores that Beam knows: gs:// with the extra apache-beam[gcp], s3:// with apache-beam[aws]."""

import glob
import uuid
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from bitpipe.errors import StoreError, UnreadablePictureError
from bitpipe.pictures.normalise import normalise
from bitpipe.stores import files
from bitpipe.stores.store import Found

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

    def find(self, given: str) -> Iterator[Found]:
        if glob.has_magic(given):
            paths = match(given)
        elif not given.endswith("/") and FileSystems.exists(given):
            paths = [given]
        else:
            folder = given.rstrip("/")
            paths = [path for path in match(f"{folder}/**") if _is_shown(path[len(folder) + 1 :])]
        for path in sorted(paths):
            yield Found(path)
        if not paths:
            yield Found(given, "no picture is there")

    def load(self, path: str) -> bytes:
        try:
            return normalise(self.read(path)).data
        except FileNotFoundError as error:
            raise UnreadablePictureError("No such file or directory", path) from error
        except UnreadablePictureError as error:
            raise UnreadablePictureError(error.reason, path) from error

    def names(self, folder: str) -> list[str]:
        prefix = f"{folder.rstrip('/')}/"
        return [path[len(prefix) :] for path in match(f"{prefix}*")]

    def read(self, path: str) -> bytes:
        try:
            with FileSystems.open(path, _BINARY, _AS_IT_IS) as file:
                return bytes(file.read())
        except OSError as error:
            # Each store has a way of its own of saying that there is no such file.
            if FileSystems.exists(path):
                raise
            raise FileNotFoundError(path) from error

    def write(self, path: str, parts: Iterable[bytes]) -> None:
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
        if FileSystems.exists(path):
            FileSystems.delete([path])


def match(pattern: str) -> list[str]:
    """Paths of the files that a pattern matches; StoreError where the store does not answer."""
    try:
        return [found.path for found in FileSystems.match([pattern])[0].metadata_list]
    except BeamIOError as error:
        raise StoreError(
            f"{pattern} cannot be listed: {error}. Correct the address, or your rights."
        ) from error


def _is_shown(path: str) -> bool:
    """Whether it ends like a picture, and nothing on the way is hidden."""
    parts = PurePosixPath(path).parts
    hidden = any(part.startswith(".") for part in parts)
    return not hidden and PurePosixPath(path).suffix.lower() in files.SUFFIXES
