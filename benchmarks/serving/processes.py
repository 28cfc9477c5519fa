"""The processes of a run: servers, and the one that calls models directly."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.kit.project import ROOT, BenchmarkError
from bitpipe import frameworks

READY_S = 240.0  # TensorFlow's import takes 20 s on a small machine, and others start beside it
STOP_S = 20.0
_SERVING = re.compile(r"^serving .+ on (\S+) and http://(\S+)/$", re.MULTILINE)
_TRACEBACK = "Traceback (most recent call last)"
_POLL_S = 0.05


class Process:
    """A Python program whose standard output and error go to files.

    Args:
        name: of its files.
        folder: where they are made.
        module: to be run, with `arguments`.
    """

    def __init__(self, name: str, folder: Path, module: str, arguments: Sequence[str]) -> None:
        self.name = name
        self._out, self._log = folder / f"{name}.out", folder / f"{name}.log"
        with self._out.open("wb") as out, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, **frameworks.ERRORS_ONLY},
            )
        self._observed = psutil.Process(self._process.pid)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    @property
    def rss_mb(self) -> float:
        """Resident memory in MiB."""
        return float(self._observed.memory_info().rss) / 2**20

    @property
    def cpu_s(self) -> float:
        """Seconds of processor time used so far."""
        times = self._observed.cpu_times()
        return float(times.user + times.system)

    @property
    def tracebacks(self) -> int:
        """Errors that the program has logged with all details, because it did not expect them."""
        return self.log.count(_TRACEBACK)

    @property
    def log(self) -> str:
        """What it has written to stderr so far."""
        return self._log.read_text(errors="replace")

    @property
    def output(self) -> str:
        """What it has written to stdout so far."""
        return self._out.read_text(errors="replace")

    def wait_for(self, lines: int) -> list[str]:
        """The first lines of the output, as soon as there are so many.

        Raises:
            BenchmarkError: it has ended, or takes too long.
        """
        limit = time.monotonic() + READY_S
        while (output := self.output).count("\n") < lines:
            if not self.running:
                said = self.log.strip().splitlines()
                raise BenchmarkError(
                    f"the process of {self.name} ended with code {self._process.returncode}: "
                    f"{said[-1] if said else 'it printed nothing'}"
                )
            if time.monotonic() > limit:
                raise BenchmarkError(f"{self.name} was not ready after {READY_S:.0f} s.")
            time.sleep(_POLL_S)
        return output.splitlines()

    def ask(self, **request: Any) -> None:
        """Writes a line of JSON to its standard input."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, as waiting for the answer will tell

    def stop(self) -> None:
        """Ends it, by force if it does not end by itself."""
        if self.running:
            self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # what it was asked after its end
                self._process.stdin.close()


class Server(Process):
    """`bitpipe serve`, as a user starts it, on free ports."""

    def __init__(self, name: str, folder: Path, models: Path, model: str) -> None:
        arguments = ["serve", "--models", str(models), "--name", model]
        super().__init__(name, folder, "pipeline", [*arguments, "--port=0", "--rest-port=0"])
        self.model = model

    def ready(self) -> None:
        """Waits until the model is in service."""
        self.wait_for(1)

    @property
    def address(self) -> str:
        """HOST:PORT of gRPC."""
        return self._addresses()[0][0]

    @property
    def rest_address(self) -> str:
        """HOST:PORT of REST."""
        return self._addresses()[0][1]

    def _addresses(self) -> list[tuple[str, str]]:
        self.ready()
        return _SERVING.findall(self.output)


class Hosted(Process):
    """Servers with settings that `bitpipe serve` lacks, or several in one process.

    Args:
        hosted: name -> arguments of `benchmarks.serving.hosted.Hosting`.
    """

    def __init__(self, name: str, folder: Path, hosted: Mapping[str, Mapping[str, Any]]) -> None:
        self._names = list(hosted)
        super().__init__(
            name, folder, "benchmarks.serving.hosted", [json.dumps(list(hosted.values()))]
        )

    def ready(self) -> None:
        """Waits until every server listens."""
        self.wait_for(len(self._names))

    @property
    def addresses(self) -> dict[str, str]:
        """Name -> HOST:PORT of gRPC."""
        self.ready()
        return dict(zip(self._names, self.output.splitlines(), strict=True))


class Direct(Process):
    """Calls a model directly when it is asked to."""

    def __init__(self, name: str, folder: Path, saved_model: Path) -> None:
        super().__init__(name, folder, "benchmarks.serving.direct", [str(saved_model)])
        self._lines = 1

    def ready(self) -> None:
        """Waits until the model is loaded."""
        self.wait_for(1)

    def run(self, *, way: str, batch: int, seconds: float, size: Sequence[int]) -> list[float]:
        """Seconds of each call.

        Args:
            way: one of `direct.WAYS`.
            batch: pictures of a call.
            seconds: how long to go on.
            size: of the pictures, width and height in pixels.
        """
        self.ask(way=way, batch=batch, seconds=seconds, size=list(size))
        self._lines += 1
        line = self.wait_for(self._lines)[-1]
        taken = json.loads(line)
        assert isinstance(taken, list)
        return taken


def cores_used(process: Process, before_s: float, seconds: float) -> float:
    """Processor time per time since `before_s` was read from `cpu_s`."""
    return (process.cpu_s - before_s) / seconds
