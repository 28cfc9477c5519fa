"""Bounds the pixels that are in memory at once, whatever the number of threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


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
