"""The driver's side of a worker: starts it, asks it, and says in one sentence why it failed."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from benchmarks.bit.task import Task, Unavailable
from benchmarks.kit.project import ROOT, BenchmarkError
from bitpipe import frameworks

# Families of contenders.
OURS, KERAS, PYTORCH = "ours", "keras", "pytorch"
# An environment of its own for PyTorch, if the project's has none.
TORCH_PYTHON = "BENCH_TORCH_PYTHON"


@dataclasses.dataclass(frozen=True)
class Contender:
    """One way to compute the task.

    Attributes:
        name: as the report shows it.
        family: OURS, KERAS or PYTORCH.
        module: of `benchmarks.bit.contenders`.
        mode: one of those that the module lists.
        environment: set for its process.
        bfloat16: it computes in it, whatever the task says.
    """

    name: str
    family: str
    module: str
    mode: str
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    bfloat16: bool = False

    @property
    def python(self) -> str:
        """The interpreter it runs in."""
        own = os.environ.get(TORCH_PYTHON) if self.family == PYTORCH else None
        return own or sys.executable


class Worker:
    """A contender's process, to be used in a `with` statement.

    Construction starts it and returns at once, `ready` waits for it.
    """

    def __init__(self, contender: Contender, task: Task) -> None:
        self.contender = contender
        self._log = Path(task.folder) / f"{contender.name.replace(' ', '-')}.log"
        self._command = [
            *(contender.python, "-m", "benchmarks.bit.worker"),
            *(contender.module, contender.mode, task.to_json()),
        ]
        try:
            with self._log.open("w") as log:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    cwd=ROOT,
                    env={**os.environ, **frameworks.ERRORS_ONLY, **contender.environment},
                )
        except OSError as error:
            raise BenchmarkError(
                f"{contender.python} cannot be run for {contender.name}: {error.strerror}. "
                f"Set {TORCH_PYTHON} to an interpreter with torch, or unset it."
            ) from error

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._process.kill()
        self._process.communicate()  # closes its input, which ends it

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    def ready(self) -> dict[str, str]:
        """Waits until it has built its network.

        Returns:
            Versions of the frameworks it uses.

        Raises:
            Unavailable: it cannot take part here.
            BenchmarkError: it ended.
        """
        reply = self._reply()
        if "unavailable" in reply:
            raise Unavailable(reply["unavailable"])
        return reply["versions"]

    def check(self) -> np.ndarray:
        """Logits (B, classes) or the first losses, before any `run`."""
        return np.array(self._ask("check")["values"])

    def run(self, iterations: int) -> list[float]:
        """Seconds of each iteration."""
        return self._ask(f"run {iterations}")["seconds"]

    def peak_bytes(self) -> int:
        """The most memory that it has had."""
        return self._ask("memory")["peak_bytes"]

    def _ask(self, request: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; reading says so
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        said = self._log.read_text(errors="replace").strip().splitlines()
        raise BenchmarkError(
            f"the process of {self.contender.name} ended with code {code}: "
            f"{said[-1] if said else 'it printed nothing'}"
        )
