"""Keeps the terminal quiet: everything that frameworks print goes to the run's log file."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


@dataclasses.dataclass(frozen=True)
class Terminal:
    """The process's real standard streams while the usual ones lead to the log."""

    out: TextIO
    err: TextIO


@contextlib.contextmanager
def captured(log_file: Path, *, verbose: bool = False) -> Iterator[Terminal]:
    """Sends logging, warnings and all that is written to descriptors 1 and 2 to `log_file`.

    TensorFlow's C++ code writes to the descriptors themselves, so replacing `sys.stderr` would not
    do. With `verbose` the streams stay as they are and the log goes to both.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with contextlib.ExitStack() as stack:
        log = log_file.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
        stack.callback(_close, log)
        handler = logging.StreamHandler(log)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        handlers: list[logging.Handler] = [handler]
        if verbose:
            terminal = Terminal(sys.stdout, sys.stderr)
            handlers.append(logging.StreamHandler(sys.stderr))
        else:
            stack.enter_context(_without_handlers_of_libraries())
            terminal = Terminal(
                stack.enter_context(_redirected(1, log, sys.stdout.encoding)),
                stack.enter_context(_redirected(2, log, sys.stderr.encoding)),
            )
        logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("default")
        logging.captureWarnings(True)
        try:
            yield terminal
        finally:
            logging.captureWarnings(False)
            for each in handlers:
                logging.getLogger().removeHandler(each)


def _close(log: TextIO) -> None:
    with contextlib.suppress(OSError):  # lines for which a full disk has no room fail no run
        log.close()


@contextlib.contextmanager
def _without_handlers_of_libraries() -> Iterator[None]:
    """Leaves the records of libraries to the root's handlers.

    TensorFlow has given its logger one that writes to what `sys.stdout` was when it was imported,
    and in a notebook that is no descriptor.
    """
    loggers = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    removed = [
        (logger, handler)
        for logger in loggers
        if logger.propagate
        for handler in logger.handlers
        if type(handler) is logging.StreamHandler
    ]
    for logger, handler in removed:
        logger.removeHandler(handler)
    try:
        yield
    finally:
        for logger, handler in removed:
            logger.addHandler(handler)


@contextlib.contextmanager
def _redirected(descriptor: int, log: TextIO, encoding: str) -> Iterator[TextIO]:
    real = os.dup(descriptor)
    os.dup2(log.fileno(), descriptor)
    stream = os.fdopen(os.dup(real), "w", encoding=encoding, errors="backslashreplace", buffering=1)
    try:
        yield stream
    finally:
        for standard in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # see `_close`
                standard.flush()
        stream.close()
        os.dup2(real, descriptor)
        os.close(real)
