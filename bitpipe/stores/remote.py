"""Stores that Beam knows: gs://, and with its extras hdfs:// or Azure's."""

import contextlib
import errno
import re
import uuid
from collections.abc import Iterable, Iterator

from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileMetadata
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from bitpipe.errors import StoreError
from bitpipe.pictures.limits import MAX_FILE_BYTES
from bitpipe.stores.objects import ObjectStore, denied, missing, silent
from bitpipe.stores.store import Entry, UnfitFileError

_BINARY = "application/octet-stream"
_CHUNK_BYTES = 8 << 20
_AS_IT_IS = CompressionTypes.UNCOMPRESSED


class RemoteStore(ObjectStore):
    """See `ObjectStore`.

    Args:
        path: an address in it.

    Raises:
        StoreError: Beam, as it is installed, knows no such store.
    """

    def __init__(self, path: str) -> None:
        if FileSystems._pipeline_options is None:  # outside a pipeline, which not all stores expect
            FileSystems.set_options(PipelineOptions([]))
        try:
            FileSystems.get_filesystem(path)
        except ValueError as error:
            raise StoreError(
                f"Beam, as it is installed, knows no store for {path}. Correct the address, or "
                f"install apache-beam[gcp] for gs://."
            ) from error

    def below(self, folder: str) -> Iterator[tuple[str, Entry]]:
        """See `ObjectStore`."""
        prefix = f"{folder.rstrip('/')}/"
        # Beam's patterns know no way of quoting.
        for found in _match(re.sub(r"[*?\[]", "?", prefix) + "**"):
            path = found.path[len(prefix) :]
            # An object named like a folder is what some tools make of an empty folder.
            if found.path.startswith(prefix) and path and not path.endswith("/"):
                name = path.rpartition("/")[2]
                yield path, _entry(name, found)

    def match(self, pattern: str) -> list[str]:
        """See `ObjectStore`."""
        return [found.path for found in _match(pattern)]

    def entry(self, path: str) -> Entry:
        """See `ObjectStore`."""
        # Each store has a way of its own of saying of a missing file that it knows no facts.
        if not self.exists(path):
            raise missing(path)
        with _told(path, "read"):
            found = FileSystems.get_filesystem(path).metadata(path)
        return _entry(path.rpartition("/")[2], found)

    def exists(self, path: str) -> bool:
        """See `ObjectStore`; in one request, where `entry` takes two."""
        with _told(path, "read"):
            return bool(FileSystems.exists(path))

    def chunks(self, path: str) -> Iterator[bytes]:
        """See `ObjectStore`."""
        with _told(path, "read"), FileSystems.open(path, _BINARY, _AS_IT_IS) as file:
            while chunk := bytes(file.read(_CHUNK_BYTES)):
                yield chunk

    def read(self, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """See `Store`."""
        try:
            with _told(path, "read"), FileSystems.open(path, _BINARY, _AS_IT_IS) as file:
                data = bytes(file.read(max_bytes + 1))
        except PermissionError:
            raise
        except OSError as error:
            # Each store has a way of its own of saying that there is no such file.
            if isinstance(error, FileNotFoundError) or self.exists(path):
                raise
            raise missing(path) from error
        if len(data) > max_bytes:
            raise UnfitFileError(errno.EFBIG, f"it has more than {max_bytes} bytes", path)
        return data

    def read_range(self, path: str, start: int, size: int) -> bytes:
        """See `Store`."""
        with _told(path, "read"), FileSystems.open(path, _BINARY, _AS_IT_IS) as file:
            file.seek(start)
            return bytes(file.read(size))

    def write(self, path: str, parts: Iterable[bytes]) -> None:
        """See `Store`. A rename, or a copy in its stead, puts the whole file in place."""
        # Under a name of its own, because closing a file after a failure would publish half of it.
        folder, _, name = path.rpartition("/")
        unfinished = f"{folder}/.{name}.{uuid.uuid4().hex}"
        try:
            with (
                _told(path, "written"),
                FileSystems.create(unfinished, _BINARY, _AS_IT_IS) as file,
            ):
                for part in parts:
                    file.write(part)
            with _told(path, "written"):
                FileSystems.rename([unfinished], [path])
        except BaseException:
            with contextlib.suppress(OSError):
                self.delete(unfinished)
            raise

    def delete(self, path: str) -> None:
        """See `Store`."""
        with _told(path, "removed"):
            if FileSystems.exists(path):
                FileSystems.delete([path])


def _entry(name: str, found: FileMetadata) -> Entry:
    return Entry(name, False, found.size_in_bytes, int(found.last_updated_in_seconds * 1e9))


def _match(pattern: str) -> list[FileMetadata]:
    try:
        return list(FileSystems.match([pattern])[0].metadata_list)
    except BeamIOError as error:
        raise silent(pattern, "listed", _reason(error)) from error


@contextlib.contextmanager
def _told(path: str, what: str) -> Iterator[None]:
    """Turns what the clients below Beam raise into what `Store` promises.

    They have no error in common but Exception: Google's bear the status of the answer as `code`.
    """
    try:
        yield
    except BeamIOError as error:
        raise silent(path, what, _reason(error)) from error
    except (OSError, GeneratorExit):
        raise
    except Exception as error:
        status = getattr(error, "code", None)
        if status == 404:
            raise missing(path) from error
        if status in (401, 403):
            raise denied(path) from error
        if not type(error).__module__.startswith(("google.", "requests.", "urllib3.", "azure.")):
            raise  # of whoever gave the parts
        raise silent(path, what, error) from error


def _reason(error: BeamIOError) -> str:
    """What the store itself has said, of what Beam has put around it."""
    inner = error
    while getattr(inner, "exception_details", None):
        inner = next(iter(inner.exception_details.values()))
    return str(inner) or type(inner).__name__
