"""Zip and tar archives, read in place: a path may lead through one, as in `photos.zip/roses`."""

import errno
import lzma
import posixpath
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from bitpipe.errors import DataError
from bitpipe.pictures.limits import MAX_FILE_BYTES
from bitpipe.stores.store import Entry, UnfitFileError

# A compressed tar is none: to reach a file in it, all before it would have to be unpacked again.
_ENDING = re.compile(r"\.(?:zip|tar)(?=/|$)", re.IGNORECASE)

# What broken bytes, or a member that is encrypted or compressed in an unknown way, lead to.
_DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, RuntimeError, NotImplementedError, KeyError, OSError),
)

# APPNOTE.TXT of PKWARE, 4.3.7 and 4.4.4: the lengths at the end of a local file header; a flag.
_ZIP_HEAD = struct.Struct("<26xHH")
_ENCRYPTED = 1

_MAX_LINKS = 40  # from one to the next, as Linux follows them


class ArchiveStore:
    """Reads an archive as if it were a folder; see `bitpipe.stores.store.ReadableStore`.

    Args:
        archive: path of the file.

    Raises:
        DataError: it is no archive, or damaged.
    """

    def __init__(self, archive: str) -> None:
        self._archive = archive
        facts = Path(archive).stat()
        self._opened = _opened(archive, facts.st_mtime_ns, facts.st_size)
        self._mtime_ns = facts.st_mtime_ns
        # What lies in an archive is as new as the archive.
        self._stamp = (facts.st_ctime_ns, facts.st_ino)

    def scan(self, folder: str) -> Iterator[Entry]:
        """See `ReadableStore`."""
        inside = self._inside(folder)
        entries = self._opened.folders.get(inside)
        if entries is None:
            if inside in self._opened.sizes:
                raise NotADirectoryError(errno.ENOTDIR, "Not a directory", folder)
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", folder)
        prefix = f"{inside}/" if inside else ""
        for name, is_folder in entries.items():
            if is_folder:
                yield Entry(name, is_folder=True)
            else:
                size = self._opened.sizes[prefix + name]
                yield Entry(name, False, size, self._mtime_ns, self._stamp)

    def identity(self, folder: str) -> None:  # noqa: ARG002  # no link leads to a folder above
        """See `ReadableStore`."""
        return

    def read(self, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """See `ReadableStore`."""
        inside = self._inside(path)
        size = self._opened.sizes.get(inside)
        if size is None:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        if size > max_bytes:  # told before anything is unpacked
            raise UnfitFileError(errno.EFBIG, f"it has {size} bytes, more than {max_bytes}", path)
        try:
            return self._opened.read(inside)
        except _DAMAGED as error:
            reason = f"it is damaged in its archive ({error})"
            raise UnfitFileError(errno.EIO, reason, path) from error

    def read_range(self, path: str, start: int, size: int) -> bytes:
        """See `ReadableStore`."""
        inside = self._inside(path)
        whole = self._opened.sizes.get(inside)
        if whole is None:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        try:
            offset = self._opened.offset(inside)
        except _DAMAGED as error:
            reason = f"it cannot be read in its archive ({error})"
            raise UnfitFileError(errno.EIO, reason, path) from error
        with Path(self._archive).open("rb") as file:
            file.seek(offset + start)
            return file.read(max(0, min(size, whole - start)))

    def _inside(self, path: str) -> str:
        return path[len(self._archive) :].strip("/")


def archive_of(path: str) -> str | None:
    """The archive that a local path names or leads through; None where there is none."""
    ends = (found.end() for found in _ENDING.finditer(path))
    return next((path[:end] for end in ends if Path(path[:end]).is_file()), None)


class _Archive(Protocol):
    """An open archive: what each folder in it holds, and the bytes of each file."""

    @property
    def folders(self) -> dict[str, dict[str, bool]]:
        """Path of a folder -> names in it, and whether each is a folder."""

    @property
    def sizes(self) -> dict[str, int]:
        """Path of a file -> bytes, unpacked."""

    def read(self, path: str) -> bytes:
        """The bytes of a file; from any thread."""

    def offset(self, path: str) -> int:
        """Where the bytes of a file begin in the archive; an error where they are compressed."""


class _Zip:
    def __init__(self, archive: str) -> None:
        self._archive = archive
        self._file = zipfile.ZipFile(archive)
        self._names = {
            _clean(info.filename): info for info in self._file.infolist() if not info.is_dir()
        }
        self.sizes = {path: info.file_size for path, info in self._names.items()}
        empty = (_clean(info.filename) for info in self._file.infolist() if info.is_dir())
        self.folders = _folders(self.sizes, empty)

    def read(self, path: str) -> bytes:
        # Threads may read at once: ZipFile locks the file alone, not the unpacking.
        return self._file.read(self._names[path])

    def offset(self, path: str) -> int:
        info = self._names[path]
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & _ENCRYPTED:
            raise zipfile.BadZipFile("it is compressed there: unpack it, or pack it with `zip -0`")
        with Path(self._archive).open("rb") as file:
            file.seek(info.header_offset)
            head = file.read(_ZIP_HEAD.size)
            name_bytes, extra_bytes = _ZIP_HEAD.unpack(head)
        return info.header_offset + _ZIP_HEAD.size + int(name_bytes) + int(extra_bytes)


class _Tar:
    def __init__(self, archive: str) -> None:
        self._archive = archive
        with tarfile.open(archive, "r:") as file:
            members = file.getmembers()
        self._members = {
            _clean(one.name): one for one in members if one.isreg() or one.islnk() or one.issym()
        }
        self.sizes = {path: one.size for path, one in self._members.items()}
        self.folders = _folders(self.sizes, (_clean(one.name) for one in members if one.isdir()))

    def read(self, path: str) -> bytes:
        member = self._member(path)
        with Path(self._archive).open("rb") as file:
            file.seek(member.offset_data)
            return file.read(member.size)

    def offset(self, path: str) -> int:
        return self._member(path).offset_data

    def _member(self, path: str) -> tarfile.TarInfo:
        """What holds the bytes of a file: links are followed."""
        member = self._members[path]
        for _ in range(_MAX_LINKS):
            if not (member.islnk() or member.issym()):
                break
            folder = "" if member.islnk() else posixpath.dirname(_clean(member.name))
            member = self._members[posixpath.normpath(posixpath.join(folder, member.linkname))]
        else:
            raise tarfile.TarError("too many links")
        if member.sparse is not None:
            raise tarfile.TarError("a sparse file")
        return member


@lru_cache(maxsize=4)
def _opened(archive: str, mtime_ns: int, size: int) -> _Archive:  # noqa: ARG001  # a cache's key
    kind = _Zip if zipfile.is_zipfile(archive) else _Tar
    try:
        return kind(archive)
    except _DAMAGED as error:
        raise DataError(
            f"An archive must be a whole .zip or .tar file. Received: {archive} ({error}); "
            "copy or download it again."
        ) from error


def _clean(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def _folders(files: dict[str, int], empty: Iterator[str]) -> dict[str, dict[str, bool]]:
    folders: dict[str, dict[str, bool]] = {"": {}}

    def add(path: str, is_folder: bool) -> None:
        parent, _, name = path.rpartition("/")
        if parent not in folders:
            add(parent, True)
        folders[parent][name] = is_folder
        if is_folder:
            folders.setdefault(path, {})

    for path in empty:
        if path:
            add(path, True)
    for path in files:
        add(path, False)
    return folders
