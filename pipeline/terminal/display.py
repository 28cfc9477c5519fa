"""What a person sees while a run goes on: a line per stage, and a bar for the long ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO

from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from bitpipe.names import printable
from pipeline.terminal import streams
from pipeline.terminal.summary import classes_in_words

if TYPE_CHECKING:
    from pipeline.node import Outcome

_NAME_WIDTH = 16
# Spinner, name, "ETA 0:00:00" and a space after each: the rest is for the bar and the details.
_FIXED_WIDTH = 1 + _NAME_WIDTH + 11 + 4


class Display:
    """Prints stages as they go to a terminal or, line by line, to a file or pipe."""

    def __init__(self, stream: TextIO) -> None:
        self._console = streams.console(stream, soft_wrap=True)
        self._done = streams.mark("✓", stream)
        ascii_only = self._console.options.ascii_only
        bar_width = 24 if self._console.width >= 110 else self._console.width // 8
        self._progress = Progress(
            SpinnerColumn("line" if ascii_only else "dots", finished_text=" "),
            TextColumn(f"{{task.description:<{_NAME_WIDTH}}}"),
            BarColumn(bar_width=bar_width),
            _Detail(lambda: self._console.width - _FIXED_WIDTH - bar_width),
            _Clock(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
            refresh_per_second=4,
        )
        self._task: TaskID | None = None

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
        self._end()
        # Another task each time: rich cannot make one uncountable again, nor its clock start over.
        self._task = self._progress.add_task(escape(text), total=None, metrics={})

    def started(self, stage: str) -> None:
        """Shows a pulse until the stage counts what it does."""
        self.waiting(stage)

    def advanced(self, stage: str, done: int, total: int, metrics: dict[str, float]) -> None:
        """Moves the bar of the stage."""
        if self._task is None:
            self.started(stage)
        assert self._task is not None
        self._progress.update(self._task, completed=done, total=total, metrics=metrics)

    def finished(self, stage: str, outcome: Outcome) -> None:
        """Leaves a line with the seconds that the stage took."""
        self._end()
        took = "cached" if outcome.cached else f"{outcome.seconds:.1f} s"
        mark = "[dim]=[/dim]" if outcome.cached else f"[green]{self._done}[/green]"
        self._console.print(f"{mark} {stage:<{_NAME_WIDTH}}  {took:>8}")

    def ingested(self, examples_by_class: Mapping[str, Mapping[str, int]]) -> None:
        """Tells the classes while it is early enough to stop a run on the wrong ones."""
        counts = {name: sum(splits.values()) for name, splits in examples_by_class.items()}
        self.note(f"  {classes_in_words(counts)}")

    def _end(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._progress.refresh()
            self._task = None


class _Detail(ProgressColumn):
    """How far a stage is, and as many of its metrics as the terminal has room for.

    Args:
        room: tells the characters that there are.
    """

    def __init__(self, room: Callable[[], int]) -> None:
        super().__init__()
        self._room = room

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text("")
        shown = f"{task.completed:.0f}/{task.total:.0f}"
        for metric in _metrics(task.fields["metrics"]):
            if len(shown) + 2 + len(metric) <= self._room():
                shown = f"{shown}  {metric}"
        return Text(shown)


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


def _metrics(metrics: Mapping[str, float]) -> list[str]:
    formats = {
        "loss": "loss {:.3f}",
        "accuracy": "accuracy {:.3f}",
        "images_per_s": "{:,.0f} img/s",
        "input_wait": "input wait {:.0%}",
    }
    return [formats.get(name, f"{name} {{:g}}").format(value) for name, value in metrics.items()]
