"""Which versions have failed to load, and when they are worth another try."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

# While a folder is being filled, each look finds other files: tries come ever more rarely.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0
# Where nothing changes it may have been the machine's fault: too little memory, a network folder
# away. TensorFlow Serving's --max_num_load_retries and --load_retry_interval_micros.
_RETRIES, _RETRY_WAIT_S = 5, 60.0

# Path below the folder -> inode, size and time of change.
Files = dict[str, tuple[int, int, int]]


@dataclass
class _Failure:
    files: Files
    tries: int
    at: float


class FailedLoads:
    """Remembers failures until the version loads, or its folder is gone.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[int, _Failure] = {}

    def add(self, version: int, files: Files) -> None:
        """Notes a failure.

        Args:
            version: the one that failed.
            files: of its folder, as they were before the try: what comes meanwhile is news.
        """
        known = self._failures.get(version)
        self._failures[version] = _Failure(files, known.tries + 1 if known else 1, self._clock())

    def is_due(self, version: int, path: Path) -> bool:
        """Whether the version in the folder `path` should be tried (again) now."""
        failure = self._failures.get(version)
        if failure is None:
            return True
        waited_s = self._clock() - failure.at
        if failure.tries <= _RETRIES and waited_s >= _RETRY_WAIT_S:
            return True
        wait_s = min(_FIRST_WAIT_S * 2 ** (failure.tries - 1), _LONGEST_WAIT_S)
        return waited_s >= wait_s and files_of(path) != failure.files

    def forget(self, version: int) -> None:
        """Drops what is known of a version that loads."""
        self._failures.pop(version, None)

    def keep(self, versions: Collection[int]) -> list[int]:
        """Drops what is known of all other versions, and says which these are."""
        gone = [version for version in self._failures if version not in versions]
        for version in gone:
            del self._failures[version]
        return gone


def files_of(path: Path) -> Files:
    """The files below a folder: whatever is copied into it, also with the times of the original."""
    found: Files = {}
    for file in path.rglob("*"):
        try:
            facts = file.stat()
        except OSError:  # gone again, or a link to nowhere
            continue
        found[str(file.relative_to(path))] = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
    return found
