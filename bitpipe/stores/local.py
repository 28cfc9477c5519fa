"""The disks of this machine."""

import errno
import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bitpipe.pictures.limits import MAX_FILE_BYTES
from bitpipe.stores import whole_file
from bitpipe.stores.store import Entry, Found, UnfitFileError

# The file's own fault as well, but without a class of its own.
_UNFIT = {errno.ELOOP, errno.ENAMETOOLONG}

Identity = tuple[int, int]


class LocalStore:
    """See `bitpipe.stores.store.Store`. Of a folder, only the names on the way are in memory."""

    def scan(self, folder: str) -> Iterator[Entry]:
        """See `Store`. A link that leads nowhere is a file, which will turn out unreadable."""
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    facts = entry.stat()
                except OSError as error:
                    if not _is_own_fault(error):
                        raise
                    yield Entry(entry.name, is_folder=False)
                    continue
                if stat.S_ISDIR(facts.st_mode):
                    yield Entry(entry.name, is_folder=True, identity=_identity(facts))
                elif stat.S_ISREG(facts.st_mode):  # Opening a pipe would wait for ever.
                    stamp = (facts.st_ctime_ns, facts.st_ino)
                    yield Entry(entry.name, False, facts.st_size, facts.st_mtime_ns, stamp)

    def identity(self, folder: str) -> Identity:
        """See `Store`: device and inode."""
        return _identity(Path(folder).stat())

    def find(self, given: str, wanted: Callable[[Entry], bool]) -> Iterator[Found]:
        """See `Store`. A pattern means what it means in a shell; `**` matches any folders."""
        path = Path(given)
        if path.is_dir():
            yield from self._below(path, wanted, ())
        elif glob.has_magic(given) and not os.path.lexists(path):
            yield from self._matching(given, wanted)
        else:
            yield Found(str(path))

    def names(self, folder: str) -> list[str]:
        """See `Store`."""
        try:
            return [path.name for path in Path(folder).iterdir()]
        except FileNotFoundError:
            return []

    def read(self, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """See `Store`."""
        # No path objects: they cost more than reading a small file.
        try:
            facts = os.stat(path)  # noqa: PTH116
        except OSError as error:
            if error.errno in _UNFIT:
                raise UnfitFileError(error.errno, error.strerror, path) from error
            raise
        # Reading a pipe or a device may never end.
        if not stat.S_ISREG(facts.st_mode):
            raise UnfitFileError(errno.EINVAL, "it is not a file", path)
        if facts.st_size > max_bytes:
            raise UnfitFileError(
                errno.EFBIG, f"it has {facts.st_size} bytes, more than {max_bytes}", path
            )
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            return file.readall()

    def read_range(self, path: str, start: int, size: int) -> bytes:
        """See `Store`."""
        with Path(path).open("rb") as file:
            file.seek(start)
            return file.read(size)

    def write(self, path: str, parts: Iterable[bytes]) -> None:
        """See `Store`. A rename puts the whole file in place."""
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        whole_file.write(place, parts)

    def delete(self, path: str) -> None:
        """See `Store`."""
        Path(path).unlink(missing_ok=True)

    def _below(
        self, folder: Path, wanted: Callable[[Entry], bool], above: tuple[Identity, ...]
    ) -> Iterator[Found]:
        try:
            above = (*above, self.identity(str(folder)))
            entries = sorted(filter(wanted, self.scan(str(folder))), key=lambda entry: entry.name)
        except OSError as error:
            yield Found(str(folder), f"the folder cannot be read ({error.strerror or error})")
            return
        for entry in entries:
            path = folder / entry.name
            if not entry.is_folder:
                yield Found(str(path))
            elif entry.identity not in above:  # else a link back, and a walk without end
                yield from self._below(path, wanted, above)

    def _matching(self, pattern: str, wanted: Callable[[Entry], bool]) -> Iterator[Found]:
        for name in sorted(glob.iglob(pattern, recursive=True)):  # noqa: PTH207  # may be absolute
            path = Path(name)
            if not path.is_dir():
                yield Found(str(path))
            elif "**" not in pattern:  # which matches what is in the folder by itself
                yield from self._below(path, wanted, ())


def _identity(facts: os.stat_result) -> Identity:
    return facts.st_dev, facts.st_ino


def _is_own_fault(error: OSError) -> bool:
    return isinstance(error, (FileNotFoundError, PermissionError)) or error.errno in _UNFIT
