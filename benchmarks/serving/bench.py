"""What the scenarios share: models, servers and their end, whatever happens."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from benchmarks.kit.project import ROOT, BenchmarkError
from benchmarks.serving.processes import Direct, Hosted, Process, Server
from benchmarks.serving.scale import Scale

EXPORT_S = 300.0

ProcessT = TypeVar("ProcessT", bound=Process)


class Bench:
    """To be used in a `with` statement, which ends all processes.

    Args:
        folder: for models and logs.
        scale: how much of everything.
        seed: of all that is random.
        note: told what is being done.
    """

    def __init__(self, folder: Path, scale: Scale, seed: int, note: Callable[[str], None]) -> None:
        self.folder = folder
        self.scale = scale
        self.seed = seed
        self.note = note
        self._processes: dict[str, Process] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def models(self) -> Path:
        """The folder with NAME/1 of each model."""
        return self.folder / "models"

    def saved_model(self, name: str) -> Path:
        """The folder of a model's only version."""
        return self.models / name / "1"

    def write_models(self, names: Iterable[str]) -> None:
        """Writes the models, all at the same time.

        Raises:
            BenchmarkError: one cannot be written.
        """
        self.models.mkdir(parents=True, exist_ok=True)
        writers: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name in names:
                with (self.folder / f"write-{name}.log").open("wb") as log:
                    writers[name] = subprocess.Popen(
                        [
                            *(sys.executable, "-m", "benchmarks.serving.models"),
                            *(name, str(self.saved_model(name))),
                        ],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        cwd=ROOT,
                    )
            for name, writer in writers.items():
                if code := writer.wait(EXPORT_S):
                    log_text = (self.folder / f"write-{name}.log").read_text(errors="replace")
                    last = (log_text.strip().splitlines() or ["it printed nothing"])[-1]
                    raise BenchmarkError(f"writing {name} ended with code {code}: {last}")
        except subprocess.TimeoutExpired as error:
            raise BenchmarkError(f"a model was not written after {EXPORT_S:.0f} s.") from error
        finally:
            for writer in writers.values():
                if writer.poll() is None:
                    writer.kill()
                    writer.wait()

    def server(self, name: str) -> Server:
        """`bitpipe serve` of the model, started if it is not running."""
        return self._shared(
            f"server-{name}", lambda key: Server(key, self.folder, self.models, name)
        )

    def direct(self, name: str) -> Direct:
        """The process that calls the model directly."""
        return self._shared(
            f"direct-{name}", lambda key: Direct(key, self.folder, self.saved_model(name))
        )

    def hosted(self, name: str, hosted: Mapping[str, Mapping[str, Any]] | None = None) -> Hosted:
        """Servers in one process, started if they are not running.

        Args:
            name: of the process.
            hosted: what to start; None if it must be running.

        Raises:
            BenchmarkError: it is not running.
        """

        def start(key: str) -> Hosted:
            if hosted is None:
                raise BenchmarkError(f"the process of {key} has ended.")
            return Hosted(key, self.folder, hosted)

        return self._shared(f"hosted-{name}", start)

    def wait(self) -> None:
        """Returns when everything that was started is ready."""
        for process in self._processes.values():
            if isinstance(process, (Server, Hosted, Direct)):
                process.ready()

    def _shared(self, key: str, start: Callable[[str], ProcessT]) -> ProcessT:
        known = self._processes.get(key)
        if known is None or not known.running:
            known = self._processes[key] = start(key)
            self._stack.callback(known.stop)
        return known  # type: ignore[return-value]  # a key belongs to one class
