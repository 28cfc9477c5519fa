"""The environment of the frameworks, which one module sets."""

import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from bitpipe import frameworks

ROOT = Path(__file__).resolve().parents[2]
LEVEL = "TF_CPP_MIN_LOG_LEVEL"


@pytest.fixture
def unset(monkeypatch):
    """No such variables, and all as it was afterwards."""
    levels = {name: logging.getLogger(name).level for name in ("tensorflow", "absl", "apache_beam")}
    for variable in (LEVEL, "KERAS_BACKEND", "PYTHONWARNINGS", "GRPC_VERBOSITY"):
        monkeypatch.setenv(variable, "")  # so that it is restored even where it was not set
        monkeypatch.delenv(variable)
    with warnings.catch_warnings():
        yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize(
    ("function", "level"),
    [
        (frameworks.log_warnings, "1"),
        (frameworks.log_errors, "2"),
        (frameworks.silence, "3"),
    ],
)
def test_what_is_told_depends_on_who_reads_it(unset, function, level):
    function()
    assert (os.environ[LEVEL], os.environ["KERAS_BACKEND"]) == (level, "tensorflow")


def test_what_the_user_has_set_stays(unset, monkeypatch):
    monkeypatch.setenv(LEVEL, "0")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    frameworks.silence()
    assert (os.environ[LEVEL], os.environ["KERAS_BACKEND"]) == ("0", "jax")


def test_silence_reaches_the_loggers_and_beams_own_processes(unset):
    frameworks.silence()
    assert not logging.getLogger("absl").isEnabledFor(logging.WARNING)
    assert not logging.getLogger("apache_beam").isEnabledFor(logging.ERROR)
    assert os.environ["PYTHONWARNINGS"] == "ignore::FutureWarning"


def test_no_other_module_sets_it():
    packages = ("bitpipe", "components", "serving", "pipeline", "benchmarks")
    files = [file for package in packages for file in (ROOT / package).rglob("*.py")]
    naming = [str(file.relative_to(ROOT)) for file in files if LEVEL in file.read_text()]
    assert naming == ["bitpipe/frameworks.py"]


def test_grpc_tells_errors_to_its_caller_alone():
    """Else a port in use was told twice, once with a line of its C++."""
    code = (
        "from bitpipe import frameworks; frameworks.silence()\n"
        "import socket; taken = socket.create_server(('127.0.0.1', 0))\n"
        "import grpc; from concurrent.futures import ThreadPoolExecutor\n"
        "server = grpc.server(ThreadPoolExecutor(1), options=[('grpc.so_reuseport', 0)])\n"
        "try:\n    print(server.add_insecure_port('127.0.0.1:%d' % taken.getsockname()[1]))\n"
        "except RuntimeError:\n    print(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize(
    "arguments", [["serve", "--models", "m"], ["predict", "a", "--server", "h:1", "--name", "m"]]
)
def test_commands_silence_grpc_before_they_import_it(arguments):
    """It looks at the environment once."""
    code = (
        "import sys\nfrom bitpipe import frameworks\n"
        "def silence():\n    print('grpc' in sys.modules)\n    raise SystemExit\n"
        "frameworks.silence = silence\nfrom pipeline.cli import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout == "False\n", done.stderr
