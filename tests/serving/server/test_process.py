"""A process that a server has for itself: its files, its log, its end."""

import logging
import subprocess
import sys

import pytest

from serving.server import process


def test_connections_leave_files_for_the_rest() -> None:
    assert process.most_connections(1000, 65_536, 2) == 1000
    assert process.most_connections(1000, 1024, 2) == 448
    assert process.most_connections(1000, 64, 1) == 1


def test_as_many_files_as_allowed_may_be_open() -> None:
    code = (
        "import resource; from serving.server import process;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512)); print(process.raise_file_limit(),"
        "resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["512", "512"]


def test_a_fault_is_told_once_a_minute_with_how_often_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 0.0
    monkeypatch.setattr(process.time, "monotonic", lambda: now_s)
    told: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())
            assert record.exc_info is None

    log = logging.Logger("asyncio")
    log.addHandler(Kept())
    log.addFilter(process.OncePerMinute())

    def fault(number: int) -> None:
        text = f"socket.accept() out of system resource\nsocket: {number}"
        log.error(text, exc_info=OSError(24, "Too many open files"))

    for number in range(5):
        fault(number)
    log.warning("another")
    log.info("of no matter")
    log.info("of no matter")
    now_s = 61.0
    fault(5)
    full = "socket.accept() out of system resource ([Errno 24] Too many open files)"
    assert told == [
        *(full, "another", "of no matter", "of no matter"),
        f"{full} (4 times more in the last minute)",
    ]


def test_the_end_comes_in_time() -> None:
    code = (
        "import time; from serving.server import process\n"
        "with process.ended_after(0.1, 9): pass\n"
        "time.sleep(0.3)\n"
        "with process.ended_after(0.2, 7): time.sleep(60)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.returncode == 7
    assert "given up" in done.stderr
    assert "Traceback" not in done.stderr
