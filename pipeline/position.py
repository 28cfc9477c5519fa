"""Where a run is, for the line that it ends with when it is interrupted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pipeline.node import Outcome


class Listener(Protocol):
    """Is told how the run goes on, from the thread that runs it or from a worker's."""

    def started(self, stage: str) -> None:
        """A stage begins."""

    def advanced(self, stage: str, done: int, total: int, metrics: dict[str, float]) -> None:
        """A long stage did `done` of `total` units of its work."""

    def finished(self, stage: str, outcome: Outcome) -> None:
        """A stage ended well."""

    def ingested(self, examples_by_class: Mapping[str, Mapping[str, int]]) -> None:
        """The pictures are read: so many of each class are in each split."""

    def note(self, text: str) -> None:
        """Something that is worth a line of its own."""


class Position:
    """Passes on to a listener what it is told, and remembers the last of it."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._stage: str | None = None
        self._running = False
        self._done = self._total = 0
        self._kept: int | None = None

    def started(self, stage: str) -> None:
        """See `Listener`."""
        self._done = self._total = 0
        self._kept = None
        self._stage, self._running = stage, True
        self._listener.started(stage)

    def advanced(self, stage: str, done: int, total: int, metrics: dict[str, float]) -> None:
        """See `Listener`."""
        if stage == self._stage:
            self._done, self._total = done, total
        self._listener.advanced(stage, done, total, metrics)

    def kept(self, stage: str, step: int, total: int, resumed: bool) -> None:
        """See `components.progress.kept`."""
        if stage == self._stage:
            self._kept = step
        if resumed:
            self._listener.note(f"{stage} goes on after step {step} of {total}")

    def said(self, stage: str, sentence: str) -> None:
        """See `components.progress.say`."""
        self._listener.note(f"  {stage}: {sentence}")

    def finished(self, stage: str, outcome: Outcome) -> None:
        """See `Listener`."""
        self._running = False
        self._listener.finished(stage, outcome)

    def ingested(self, examples_by_class: Mapping[str, Mapping[str, int]]) -> None:
        """See `Listener`."""
        self._listener.ingested(examples_by_class)

    def warned(self, sentence: str) -> None:
        """Something about the pictures, while it is early enough to stop a run."""
        self._listener.note(f"  warning: {sentence}")

    def when_interrupted(self) -> str:
        """What follows "Interrupted": the stage, and from where the same command goes on."""
        if self._stage is None:
            return " before the first stage: the same command starts again."
        if not self._running:
            return f" after {self._stage}: the same command goes on with the next stage."
        where = f" in {self._stage}"
        if self._total:
            where += f", {self._done} of {self._total}"
        if self._kept is not None:
            return f"{where}: the same command goes on after step {self._kept}."
        return f"{where}: the same command goes on with this stage, from its beginning."
