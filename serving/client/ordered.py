"""A bounded number of things done at the same time, with the results in the order of the things."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


class Workers:
    """A few threads.

    Those of `concurrent.futures` would let nobody leave the process, not even with Ctrl-C, while a
    server keeps one of them waiting.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for index in range(count):
            threading.Thread(target=self._work, name=f"worker-{index}", daemon=True).start()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for _ in range(self._count):
            self._tasks.put(None)

    def map(self, function: Callable[[_T], _R], items: Iterable[_T], ahead: int) -> Iterator[_R]:
        """`function` of each item, in the items' order.

        Args:
            function: called by the threads.
            items: taken one by one, as there is room.
            ahead: how many items are taken at most whose results have not been asked for.

        Raises:
            Exception: what `function` raised for the first item that fails.
        """
        pending: deque[Future[_R]] = deque()
        try:
            for item in items:
                if len(pending) >= ahead:
                    yield pending.popleft().result()
                future: Future[_R] = Future()
                self._tasks.put((future, function, item))
                pending.append(future)
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            _run(*task)
            del task  # the last one's bytes would be kept until the next comes


def _run(future: Future[Any], function: Callable[[Any], Any], item: Any) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(function(item))
    except BaseException as error:
        future.set_exception(error)
