"""What a signal does to a command, whatever its threads are doing. Without TFX: in milliseconds."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import os, subprocess, sys, threading, time
from pathlib import Path
from pipeline import interruption

def busy_in_python():
    while True:
        sum(range(1000))

def swallowing():
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            pass

def in_a_library():  # which holds the main thread for ever, as a step of training would for minutes
    import ctypes
    ctypes.CDLL(None).sleep(600)

def with_a_child():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(child.pid, flush=True)
    child.wait()
    Path("pushed").touch()

def about_to_push():
    try:
        time.sleep(600)
    finally:
        Path("pushed").touch()

def leaving_files():
    Path("temporary").touch()
    with interruption.cleaning(lambda: Path("temporary").unlink()):
        time.sleep(600)

def holding_a_lock():
    lock = threading.Lock()
    with interruption.cleaning(lock.acquire), lock:
        time.sleep(600)

with interruption.ends_process(), interruption.telling(lambda: " in Somewhere: go on."):
    sys.stderr = open(os.devnull, "w")
    print("ready", flush=True)
    globals()[sys.argv[1]]()
"""


@pytest.fixture
def start(tmp_path):
    def begin(work):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, work],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        assert process.stdout.readline() == "ready\n"
        return process

    return begin


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "work", ["busy_in_python", "swallowing", "in_a_library", "about_to_push", "holding_a_lock"]
)
def test_a_signal_ends_the_process_with_one_line_and_its_exit_code(start, tmp_path, work, number):
    process = start(work)
    time.sleep(0.1)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    name = " (SIGTERM)" if number == signal.SIGTERM else ""
    assert err == f"Interrupted{name} in Somewhere: go on.\n"
    assert out == ""
    assert not (tmp_path / "pushed").exists()


def test_child_processes_end_with_it(start, tmp_path):
    process = start("with_a_child")
    child = psutil.Process(int(process.stdout.readline()))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert not child.is_running()
    assert not (tmp_path / "pushed").exists()


def test_temporary_files_are_cleared_away(start, tmp_path):
    process = start("leaving_files")
    time.sleep(0.1)
    assert (tmp_path / "temporary").exists()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert not (tmp_path / "temporary").exists()


def test_afterwards_signals_mean_what_they_meant(capfd):
    from pipeline import interruption

    before = [signal.getsignal(number) for number in interruption.SIGNALS]
    with interruption.ends_process():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert [signal.getsignal(number) for number in interruption.SIGNALS] == before
    assert capfd.readouterr() == ("", "")
