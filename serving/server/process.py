"""What a server sets up in a process that it has for itself: files, its log, and an end in time."""

import contextlib
import logging
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator

_log = logging.getLogger(__name__)

_MOST_FILES = 2**16
# Of the files that may be open, those which are no connections: the model's, logs, pipes.
_OTHER_FILES = 128
_QUIET_S = 60.0
# Where a fault that a client causes is told each time it causes it.
_LOGGERS = (
    "asyncio",
    "grpc._cython.cygrpc",
    "serving.server.grpc_services",
    "serving.server.http_connections",
    "serving.server.rest",
    "uvicorn.error",
)


def raise_file_limit() -> int:
    """Allows as many open files as the system lets this user have; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(wanted, soft)


def most_connections(wanted: int, files: int, ports: int) -> int:
    """Connections of a port, so that all of them leave files for the rest.

    Args:
        wanted: if there are enough files.
        files: that may be open.
        ports: that share them.
    """
    return max(1, min(wanted, (files - _OTHER_FILES) // ports))


class OncePerMinute(logging.Filter):
    """Lets a fault be logged once a minute, and then says how often it has come meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._told: dict[tuple[object, ...], tuple[float, int]] = {}  # when, and how often since

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be logged."""
        if record.levelno < logging.WARNING:
            return True
        kind = record.exc_info[0] if record.exc_info else None
        key = (record.name, record.lineno, kind, str(record.msg).partition("\n")[0])
        now_s = time.monotonic()
        with self._lock:
            told_s, since = self._told.get(key, (-_QUIET_S, 0))
            if now_s - told_s < _QUIET_S:
                self._told[key] = (told_s, since + 1)
                return False
            if len(self._told) > len(_LOGGERS) * 100:  # whatever its texts are made of
                self._told.clear()
            self._told[key] = (now_s, 0)
        if record.name == "asyncio" and kind is not None and issubclass(kind, OSError):
            # No file left for a connection: the lines of code that noticed are of no use.
            record.msg = f"{str(record.msg).partition(chr(10))[0]} ({record.exc_info[1]})"  # type: ignore[index]
            record.args, record.exc_info = None, None
        if since:
            record.msg = f"{record.msg} ({since} times more in the last minute)"
        return True


def tell_faults_once_a_minute() -> None:
    """Keeps what clients do from filling the log."""
    once = OncePerMinute()
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(once)


@contextlib.contextmanager
def ended_after(seconds: float, exit_code: int) -> Iterator[None]:
    """Ends the process where the context is not left in time: a computation cannot be stopped."""

    def end() -> None:
        _log.warning("Requests in progress are given up after %.0f s", seconds)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
