"""How a long stage tells whoever shows progress in the same process; silence everywhere else.

A stage calls `report` or `advance` and knows nothing of progress bars. In a worker process, or on a
cluster, nobody listens and the calls cost one comparison.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

Listener = Callable[[str, int, int, dict[str, float]], None]

_lock = threading.Lock()
_listeners: tuple[Listener, ...] = ()
_done: dict[str, int] = {}


@contextlib.contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Calls `listener(stage, done, total, metrics)` for every report made inside the block.

    Calls come from any thread, one at a time, and should return quickly: the stage waits for them.
    A listener that raises is dropped, with a warning: a broken display never costs a training run.
    """
    global _listeners
    with _lock:
        _listeners = (*_listeners, listener)
    try:
        yield
    finally:
        with _lock:
            _listeners = tuple(other for other in _listeners if other is not listener)
            if not _listeners:
                _done.clear()


def report(stage: str, done: int, total: int, **metrics: float) -> None:
    """Says that `done` of `total` steps of `stage` are finished, with the latest metrics."""
    if not _listeners:
        return
    with _lock:
        _done[stage] = done
        _tell(stage, done, total, metrics)


def advance(stage: str, steps: int, total: int, **metrics: float) -> None:
    """Adds `steps` to what `stage` has reported so far, for workers that share one count."""
    if not _listeners:
        return
    with _lock:
        _done[stage] = done = _done.get(stage, 0) + steps
        _tell(stage, done, total, metrics)


def _tell(stage: str, done: int, total: int, metrics: dict[str, float]) -> None:
    global _listeners
    for listener in _listeners:
        try:
            listener(stage, done, total, metrics)
        except Exception:
            logging.getLogger(__name__).warning("A progress listener failed.", exc_info=True)
            _listeners = tuple(other for other in _listeners if other is not listener)
