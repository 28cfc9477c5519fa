"""What a person sees of a run: a line per stage, bars for the long ones, and a summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
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
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from pipeline.node import Outcome
    from pipeline.result import RunResult

_NAME_WIDTH = 17
_SHOWN_REJECTED = 5


class Display:
    """Prints stages as they go to a terminal or, line by line, to a file or pipe."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
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
        self._console.print(escape(text))

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
        mark = "[dim]=[/dim]" if outcome.cached else "[green]✓[/green]"
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


def print_summary(result: RunResult, stream: TextIO, next_commands: Sequence[str]) -> None:
    """Stages, accuracy, verdict, where the model went and what to try next."""
    console = Console(file=stream, highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("stage")
    table.add_column("seconds", justify="right")
    for name, stage in result.stages.items():
        table.add_row(name, "cached" if stage.cached else f"{stage.seconds:.1f}")
    table.add_row("all", f"{sum(stage.seconds for stage in result.stages.values()):.1f}")
    console.print()
    console.print(table)
    console.print()

    splits = ", ".join(f"{count} {split}" for split, count in result.splits.items())
    console.print(f"examples  {result.num_examples} ({splits}), {len(result.classes)} classes")
    if result.rejected:
        console.print(f"rejected  {len(result.rejected)} files")
        for item in result.rejected[:_SHOWN_REJECTED]:
            console.print(f"            {escape(item['filename'])}: {escape(item['reason'])}")
    change = result.accuracy_change
    against = "" if change is None else f" ({change:+.4f} against the model in service)"
    console.print(f"accuracy  {result.accuracy:.4f} on the evaluation split{against}")
    if not result.blessed:
        console.print("blessed   no, nothing was pushed:")
        for objection in result.objections:
            console.print(f"            {escape(objection)}")
        return
    console.print("blessed   yes")
    what = "pushed   " if result.pushed else "unchanged"
    console.print(f"{what} version {result.version} in {escape(result.model_dir)}")
    if next_commands:
        console.print("\nNext:")
        for command in next_commands:
            console.print(f"  {escape(command)}")
