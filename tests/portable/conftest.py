"""What an engine such as Flink consists of for Beam: a job service, and a pool of SDK workers."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

ROOT = Path(__file__).parents[2]
# Workers of a pool log to nobody; what is in that folder lets them write to the pool's log.
PYTHONPATH = os.pathsep.join([str(Path(__file__).with_name("logging_site")), str(ROOT)])
JOB_SERVICE = Path(__file__).with_name("job_service.py")


def free_port():
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def wait_for(port, process, seconds=120):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, "the service has ended; see its log"
        with contextlib.suppress(OSError), socket.create_connection(("localhost", port), 1):
            return
        time.sleep(0.2)
    raise TimeoutError(f"nothing answers at port {port}")


@contextlib.contextmanager
def service(log, port, *command):
    """A process of its own until the end of the block, with all that it has started."""
    # The pool starts its workers by the name `python`.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": PYTHONPATH,
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, *command], stdout=file, stderr=subprocess.STDOUT, env=environment
        )
        try:
            wait_for(port, process)
            yield process
        finally:
            with contextlib.suppress(psutil.Error):  # it has ended by itself
                for one in psutil.Process(process.pid).children(recursive=True):
                    one.kill()
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """Where it is, and the log of its pool, which workers write to."""
    folder = tmp_path_factory.mktemp("engine")
    jobs, pool = free_port(), free_port()
    pool_main = "apache_beam.runners.worker.worker_pool_main"
    log = folder / "pool.log"
    with (
        service(log, pool, "-m", pool_main, f"--service_port={pool}") as workers,
        service(folder / "jobs.log", jobs, str(JOB_SERVICE), f"--port={jobs}"),
    ):
        yield SimpleNamespace(
            jobs=f"localhost:{jobs}", pool=f"localhost:{pool}", log=log, workers=workers
        )
