"""Bounds the pixels that are in memory at once, whatever the number of threads and processes."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_turn_file: Path | None = None


class Room:
    """Lets as many in as fit, in the order in which they come: a large one is not passed by.

    Args:
        limit: of all that is in, in any unit; one that is larger goes in alone.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._queue = threading.Lock()
        self._changed = threading.Condition()

    @contextmanager
    def take(self, amount: int) -> Iterator[None]:
        """Waits until there is room, and holds it in the block."""
        amount = min(amount, self._limit)
        with self._queue, self._changed:  # who waits holds the queue, and all others behind
            self._changed.wait_for(lambda: self._taken + amount <= self._limit)
            self._taken += amount
        try:
            yield
        finally:
            with self._changed:
                self._taken -= amount
                self._changed.notify()


@contextmanager
def sharing(turn_file: str) -> Iterator[None]:
    """While inside, processes that name the same file take turns where `turn` says so."""
    global _turn_file
    before, _turn_file = _turn_file, Path(turn_file)
    try:
        yield
    finally:
        _turn_file = before


@contextmanager
def turn(wanted: bool) -> Iterator[None]:
    """Waits until no other thread or process is inside; at once where nothing is shared.

    The lock falls with the process that holds it, however that ends.

    Args:
        wanted: else nothing is waited for.
    """
    if not wanted or _turn_file is None:
        yield
        return
    with _turn_file.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
        yield
