"""Makes the next items in a thread while the present one is used, and tells what waiting cost.

A thread is enough: Pillow resizes and PyTorch computes without holding Python's lock.
"""

from __future__ import annotations

import concurrent.futures
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

AHEAD = 3  # items that are ready while none is being made

Key = TypeVar("Key")
Item = TypeVar("Item")


class Ahead(Generic[Key, Item]):
    """`make(key)` for each key, in order, some of them made before they are asked for.

    Args:
        make: is called in other threads, `workers` of them.
        keys: of the items.
        workers: how many are made at the same time.

    Attributes:
        waited_s: seconds in which the consumer had to wait, so far.
    """

    def __init__(self, make: Callable[[Key], Item], keys: Iterable[Key], workers: int = 1) -> None:
        self.waited_s = 0.0
        self._make = make
        self._keys = keys
        self._workers = workers

    def __iter__(self) -> Iterator[Item]:
        waiting: deque[concurrent.futures.Future[Item]] = deque()
        with concurrent.futures.ThreadPoolExecutor(self._workers) as pool:
            try:
                for key in self._keys:
                    waiting.append(pool.submit(self._make, key))
                    if len(waiting) >= AHEAD + self._workers:
                        yield self._take(waiting)
                while waiting:
                    yield self._take(waiting)
            finally:
                # A consumer that stops early must not pay for what it no longer wants.
                pool.shutdown(wait=False, cancel_futures=True)

    def _take(self, waiting: deque[concurrent.futures.Future[Item]]) -> Item:
        start = time.monotonic()
        item = waiting.popleft().result()
        self.waited_s += time.monotonic() - start
        return item
