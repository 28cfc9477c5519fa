"""Where pictures and answers lie: on a disk of this machine, or in a store such as gs:// or s3://."""

import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from bitpipe.stores import files


class Found(NamedTuple):
    """A picture's path, or what could not be searched for pictures and why."""

    path: str
    problem: str = ""


class Store(Protocol):
    """Files by their paths. What fails for another reason than a missing file raises OSError."""

    def find(self, given: str) -> Iterator[Found]:
        """The pictures that `given` means, as `bitpipe.stores.files.find`; or a problem.

        Raises:
            StoreError: the store cannot be listed.
        """

    def load(self, path: str) -> bytes:
        """The picture as upright JPEG or PNG; UnreadablePictureError where it is none."""

    def names(self, folder: str) -> list[str]:
        """Names of what is in the folder; none where there is no such folder."""

    def read(self, path: str) -> bytes:
        """A whole file; FileNotFoundError where there is none."""

    def write(self, path: str, parts: Iterable[bytes]) -> None:
        """Makes the file, with its folder, once all parts are there; replaces one of that name.

        Until then it has another name, a dot before its own.
        """

    def delete(self, path: str) -> None:
        """Removes the file, if it is there."""


def of(path: str) -> Store:
    """The store of a path; Beam, which takes seconds to import, only for what needs it.

    Raises:
        StoreError: an address of a kind that Beam, as it is installed, does not know.
    """
    if is_remote(path):
        from bitpipe.stores.remote import RemoteStore

        return RemoteStore(path)
    return LocalStore()


def is_remote(path: str) -> bool:
    return "://" in path


def join(folder: str, *names: str) -> str:
    return "/".join([folder.rstrip("/"), *names])


class LocalStore:
    """The disks of this machine."""

    def find(self, given: str) -> Iterator[Found]:
        for source in files.find([given]):
            yield Found(str(source.path), source.problem)

    def load(self, path: str) -> bytes:
        return files.read(files.Source(Path(path)))

    def names(self, folder: str) -> list[str]:
        try:
            return [path.name for path in Path(folder).iterdir()]
        except FileNotFoundError:
            return []

    def read(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def write(self, path: str, parts: Iterable[bytes]) -> None:
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = place.with_name(f".{place.name}.{uuid.uuid4().hex}")
        try:
            with unfinished.open("wb") as file:
                file.writelines(parts)
            unfinished.replace(place)
        finally:
            unfinished.unlink(missing_ok=True)

    def delete(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)
