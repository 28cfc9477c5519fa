"""What a person reads when a run has ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from rich.markup import escape
from rich.table import Table

from bitpipe.names import printable
from pipeline.terminal import streams

if TYPE_CHECKING:
    from pipeline.result import RunResult

_SHOWN_REJECTED = 5


def print_summary(result: RunResult, stream: TextIO, next_commands: Sequence[str]) -> None:
    """Stages, accuracy, verdict, where the model went and what to try next."""
    console = streams.console(stream, soft_wrap=True)
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
            name = printable(item["filename"], console.encoding)
            console.print(f"            {escape(name)}: {escape(item['reason'])}")
    change = result.accuracy_change
    against = "" if change is None else f" ({change:+.4f} against the model in service)"
    console.print(f"accuracy  {result.accuracy:.4f} on the evaluation split{against}")
    for note in result.notes:
        console.print(f"note      {escape(note)}")
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
