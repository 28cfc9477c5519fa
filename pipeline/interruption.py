"""Ends a command at once on SIGINT and SIGTERM, whatever its threads are doing.

No exception: Beam turns one into a failure of its workers, TensorFlow's C++ code does not see it
for as long as a step takes, and clean-up code on the way out has gone on to the next stage. Instead
the main thread stops where it is, a thread that waits for signals ends the child processes, and the
process exits. What a run has finished is in ML Metadata by then, and what it had not is what a run
that was killed leaves, too: the next one clears it away.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import psutil

SIGNALS = (signal.SIGINT, signal.SIGTERM)

# How long clearing away may put off the end.
_PATIENCE_S = 2.0
# Where a terminal's cursor may be hidden within a progress bar.
_CLEAN_LINE = "\r\x1b[2K\x1b[?25h"

_tell: list[Callable[[], str]] = []
_clean: list[Callable[[], object]] = []


@contextlib.contextmanager
def ends_process() -> Iterator[None]:
    """From here on a signal writes one line to what is now the standard error, and exits.

    The exit code is 128 + the signal's number. Does nothing outside the main thread, which alone
    may decide about signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    terminal = os.dup(2)
    received, arrives = os.pipe()
    os.set_blocking(arrives, False)

    def stand_still(number: int, frame: object) -> None:
        del number, frame
        while True:  # the watcher ends the process
            time.sleep(3600)

    threading.Thread(target=_watch, args=(received, terminal), daemon=True).start()
    # Written by the handler in C, so that the watcher hears of a signal while the main thread is in
    # a library.
    former_descriptor = signal.set_wakeup_fd(arrives, warn_on_full_buffer=False)
    former = {number: signal.signal(number, stand_still) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(former_descriptor)
        os.close(arrives)  # the watcher reads the end of the pipe and returns


@contextlib.contextmanager
def telling(sentence: Callable[[], str]) -> Iterator[None]:
    """While inside, the line ends with this: where the run was, and from where it goes on.

    Args:
        sentence: called from another thread while the main one stands still anywhere: it must take
            no lock.
    """
    _tell.append(sentence)
    try:
        yield
    finally:
        _tell.remove(sentence)


@contextlib.contextmanager
def cleaning(remove: Callable[[], object]) -> Iterator[None]:
    """While inside, this is called before the process ends; for a short time, and no later."""
    _clean.append(remove)
    try:
        yield
    finally:
        _clean.remove(remove)


def _watch(received: int, terminal: int) -> None:
    """Ends the process at the first signal; returns when there is no more to wait for."""
    try:
        number = _next_signal(received)
        if number is not None:
            _end(number, terminal)
    finally:
        os.close(received)
        os.close(terminal)


def _next_signal(received: int) -> int | None:
    while byte := os.read(received, 1):
        if byte[0] in SIGNALS:
            return byte[0]
    return None


def _end(number: int, terminal: int) -> None:
    try:
        # A thread of its own: a lock that the main one holds must not keep the process alive.
        cleaner = threading.Thread(target=_clear_away, daemon=True)
        cleaner.start()
        cleaner.join(_PATIENCE_S)
        start = _CLEAN_LINE if os.isatty(terminal) else ""
        name = "" if number == signal.SIGINT else f" ({signal.Signals(number).name})"
        rest = _tell[-1]() if _tell else ": the same command starts again."
        with contextlib.suppress(OSError):  # whoever read it may be gone
            os.write(terminal, f"{start}Interrupted{name}{rest}\n".encode())
    finally:
        os._exit(128 + number)


def _clear_away() -> None:
    with contextlib.suppress(psutil.Error):
        children = psutil.Process().children(recursive=True)
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()
        psutil.wait_procs(children, timeout=_PATIENCE_S / 2)
    for remove in reversed(_clean):
        with contextlib.suppress(Exception):
            remove()
