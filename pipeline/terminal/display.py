"""What a person sees while a run goes on: a line per stage, and a bar for the long ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from bitpipe.names import printable
from pipeline.terminal import streams

if TYPE_CHECKING:
    from pipeline.node import Outcome

_NAME_WIDTH = 17


class Display:
    """Prints stages as they go to a terminal or, line by line, to a file or pipe."""

    def __init__(self, stream: TextIO) -> None:
        self._console = streams.console(stream, soft_wrap=True)
        self._done = streams.mark("✓", stream)
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn(f"{{task.description:<{_NAME_WIDTH}}}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}"),
            _Clock(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
            refresh_per_second=4,
        )
        self._task = self._progress.add_task("", visible=False, detail="")

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def note(self, text: str) -> None:
        """One line that stays."""
        self._console.print(escape(printable(text, self._console.encoding)))

    def waiting(self, text: str) -> None:
        """A pulse while nothing can be counted."""
        self._progress.reset(
            self._task, total=None, description=escape(text), visible=True, detail=""
        )

    def started(self, stage: str) -> None:
        """Shows a pulse until the stage counts what it does."""
        self.waiting(stage)

    def advanced(self, stage: str, done: int, total: int, metrics: dict[str, float]) -> None:
        """Moves the bar of the stage."""
        self._progress.update(
            self._task,
            description=stage,
            completed=done,
            total=total,
            detail=f"{done}/{total}  {_metrics(metrics)}",
        )

    def finished(self, stage: str, outcome: Outcome) -> None:
        """Leaves a line with the seconds that the stage took."""
        self._progress.update(self._task, visible=False)
        took = "cached" if outcome.cached else f"{outcome.seconds:.1f} s"
        mark = "[dim]=[/dim]" if outcome.cached else f"[green]{self._done}[/green]"
        self._console.print(f"{mark} {stage:<{_NAME_WIDTH}} {took:>8}")


class _Clock(ProgressColumn):
    """The time a stage still takes, or has taken where nothing can be counted."""

    def __init__(self) -> None:
        super().__init__()
        self._remaining = TimeRemainingColumn()
        self._elapsed = TimeElapsedColumn()

    def render(self, task: Task) -> Text:
        if task.total is None:
            return self._elapsed.render(task)
        return Text("ETA ") + self._remaining.render(task)


def _metrics(metrics: dict[str, float]) -> str:
    formats = {
        "loss": "loss {:.3f}",
        "accuracy": "accuracy {:.3f}",
        "images_per_s": "{:,.0f} img/s",
        "input_wait": "input wait {:.0%}",
    }
    return "  ".join(
        formats.get(name, f"{name} {{:g}}").format(value) for name, value in metrics.items()
    )
