"""How a long stage tells whoever shows progress in the same process; silence everywhere else.

A stage calls `report`, `advance`, `kept` or `say` and knows nothing of progress bars. In a worker
process, or on a cluster, nobody listens and the calls cost one comparison.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

Listener = Callable[[str, int, int, dict[str, float]], None]
KeptListener = Callable[[str, int, int, bool], None]
SaidListener = Callable[[str, str], None]

_log = logging.getLogger(__name__)


def _nobody(*_: object) -> None:
    """Listens to checkpoints and sentences where no one else does."""


class _Ear(NamedTuple):
    advanced: Listener
    kept: KeptListener
    said: SaidListener


_lock = threading.Lock()
_listeners: tuple[_Ear, ...] = ()
_done: dict[str, int] = {}


@contextlib.contextmanager
def listen(
    listener: Listener, kept: KeptListener = _nobody, said: SaidListener = _nobody
) -> Iterator[None]:
    """Calls `listener(stage, done, total, metrics)` for every report made inside the block.

    Calls come from any thread, one at a time, and should return quickly: the stage waits for them.
    A listener that raises is dropped, with a warning: a broken display never costs a training run.

    Args:
        listener: see above.
        kept: the same for `kept`, with what that was given.
        said: the same for `say`.
    """
    global _listeners
    ear = _Ear(listener, kept, said)
    with _lock:
        _listeners = (*_listeners, ear)
    try:
        yield
    finally:
        with _lock:
            _listeners = tuple(other for other in _listeners if other is not ear)
            if not _listeners:
                _done.clear()


def report(stage: str, done: int, total: int, **metrics: float) -> None:
    """Says that `done` of `total` steps of `stage` are finished, with the latest metrics."""
    if not _listeners:
        return
    with _lock:
        _done[stage] = done
        _tell(lambda ear: ear.advanced(stage, done, total, metrics))


def advance(stage: str, steps: int, total: int, **metrics: float) -> None:
    """Adds `steps` to what `stage` has reported so far, for workers that share one count."""
    if not _listeners:
        return
    with _lock:
        _done[stage] = done = _done.get(stage, 0) + steps
        _tell(lambda ear: ear.advanced(stage, done, total, metrics))


def kept(stage: str, step: int, total: int, *, resumed: bool = False) -> None:
    """Says that `stage` would go on after `step` of `total` if it were ended now.

    Args:
        stage: as of `report`.
        step: of the newest checkpoint.
        total: as of `report`.
        resumed: it does go on after this step, which an earlier run has reached.
    """
    if not _listeners:
        return
    with _lock:
        _tell(lambda ear: ear.kept(stage, step, total, resumed))


def say(stage: str, sentence: str) -> None:
    """Tells a person something worth a line that stays, here or in the stage's log."""
    _log.info("%s: %s", stage, sentence)
    if not _listeners:
        return
    with _lock:
        _tell(lambda ear: ear.said(stage, sentence))


def _tell(call: Callable[[_Ear], None]) -> None:
    global _listeners
    for ear in _listeners:
        try:
            call(ear)
        except Exception:
            _log.warning("A progress listener failed.", exc_info=True)
            _listeners = tuple(other for other in _listeners if other is not ear)
