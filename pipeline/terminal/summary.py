"""What a person reads when a run has ended."""

from __future__ import annotations

import io
import math
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from bitpipe.names import printable
from bitpipe.wording import counted
from pipeline.terminal import streams

if TYPE_CHECKING:
    from pipeline.result import RunResult

_SHOWN_REJECTED = 5
_SHOWN_CONFLICTS = 3
_SHOWN_CLASSES = 12
# Standard errors between an accuracy and a guesser's that are worth the word "better": a guesser
# comes as far in 1 of 20 evaluation splits of this size (one-sided, normal approximation).
_CLEARLY = 1.645
_INDENT = 12


def print_summary(result: RunResult, stream: TextIO, next_commands: Sequence[str]) -> None:
    """What `text` says, and what to try next with the model."""
    console = streams.console(stream, soft_wrap=True)
    _print(result, console)
    # A blessed model without a version is one that somebody has rolled back from.
    if next_commands and not (result.blessed and result.version is None):
        console.print("\nNext:" if result.blessed else "\nTo try it nevertheless:")
        for command in next_commands:
            console.print(f"  {_shown(command, console)}")


def text(result: RunResult) -> str:
    """Stages, data, accuracy by class, verdict, and where everything is."""
    stream = io.StringIO()
    _print(result, Console(file=stream, highlight=False, soft_wrap=True, width=80))
    return stream.getvalue().lstrip("\n")


def classes_in_words(counts: Mapping[str, int]) -> str:
    """`3 classes: bee 20, ant 12, fly 5`, the largest first and no more than a dozen."""
    largest = sorted(counts, key=lambda name: (-counts[name], name))
    shown = ", ".join(f"{name} {counts[name]}" for name in largest[:_SHOWN_CLASSES])
    more = (
        f" and {len(counts) - _SHOWN_CLASSES} smaller ones" if len(counts) > _SHOWN_CLASSES else ""
    )
    return f"{counted(len(counts), 'class', plural='classes')}: {shown}{more}"


def _print(result: RunResult, console: Console) -> None:
    console.print()
    console.print(_stages(result))
    console.print()
    console.print(f"device    {_shown(result.device, console)}")
    for line in _data(result):
        console.print(_shown(line, console))
    console.print(Padding(_classes(result, console), (0, 0, 0, _INDENT), expand=False))
    for line in (*_accuracy(result), *_verdict(result)):
        console.print(_shown(line, console))
    folder = shlex.quote(result.tensorboard)
    console.print(f"curves    tensorboard --logdir {_shown(folder, console)}")
    told = result.report or "could not be written: the log says why"
    console.print(f"report    {_shown(told, console)}")


def _stages(result: RunResult) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("stage")
    table.add_column("seconds", justify="right")
    for name, stage in result.stages.items():
        table.add_row(name, "cached" if stage.cached else f"{stage.seconds:.1f}")
    table.add_row("all", f"{sum(stage.seconds for stage in result.stages.values()):.1f}")
    return table


def _data(result: RunResult) -> Iterator[str]:
    splits = ", ".join(f"{count} {split}" for split, count in result.splits.items())
    classes = counted(len(result.classes), "class", plural="classes")
    yield f"pictures  {result.num_examples} ({splits}) in {classes}"
    yield from _listed(
        f"rejected  {counted(len(result.rejected), 'file')}",
        (f"{item['filename']}: {item['reason']}" for item in result.rejected),
        len(result.rejected),
        _SHOWN_REJECTED,
    )
    if result.duplicates:
        out = f": {result.left_out} left out" if result.left_out else ", on the same side"
        yield f"copies    {counted(result.duplicates, 'picture')} equal to others{out}"
    if result.near_duplicates:
        groups = counted(result.near_duplicates, "group")
        yield f"similar   {groups} of look-alikes, each on one side"
    conflicting = counted(result.num_conflicts, "picture")
    yield from _listed(
        f"conflicts {conflicting} in more than one class; correct the labels:",
        (" = ".join(names) for names in result.conflicts),
        result.num_conflicts,
        _SHOWN_CONFLICTS,
    )
    for sentence in [one.sentence for one in result.data_checks if not one.passed]:
        yield f"warning   {sentence}"


def _listed(title: str, items: Iterable[str], number: int, shown: int) -> Iterator[str]:
    if not number:
        return
    yield title
    for item, _ in zip(items, range(shown), strict=False):
        yield f"{' ' * _INDENT}{item}"
    if number > shown:
        yield f"{' ' * _INDENT}and {number - shown} more"


def _classes(result: RunResult, console: Console) -> Table:
    """A row per class; of many, those that the model knows least."""
    accuracy = result.accuracy_by_class
    names = list(result.classes)
    if len(names) > _SHOWN_CLASSES:
        names = sorted(names, key=lambda name: (accuracy.get(name, 0.0), name))[:_SHOWN_CLASSES]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("class" if len(names) == len(result.classes) else "least accurate")
    for split in result.splits:
        table.add_column(split, justify="right")
    table.add_column("accuracy", justify="right")
    for name in names:
        counts = [
            str(result.examples_by_class.get(name, {}).get(split, 0)) for split in result.splits
        ]
        judged = f"{accuracy[name]:.4f}" if name in accuracy else "-"
        table.add_row(_shown(name, console), *counts, judged)
    return table


def _accuracy(result: RunResult) -> Iterator[str]:
    change = result.accuracy_change
    against = "" if change is None else f" ({change:+.4f} against the model in service)"
    yield f"accuracy  {result.accuracy:.4f} on the evaluation split{against}"
    guess = result.largest_class_share
    yield f"            {guess:.4f} is what always answering the largest class would reach"
    if result.coverage < 1 and result.precision is not None:
        yield (
            f"            {result.precision:.4f} on the {result.coverage:.4f} of the pictures that "
            "are not answered 'unknown'"
        )
    judged = result.judged
    if judged and result.accuracy - guess <= _CLEARLY * math.sqrt(guess * (1 - guess) / judged):
        yield (
            f"warning   on {judged} pictures that is not clearly better than guessing: train "
            "longer, or give more pictures"
        )


def _verdict(result: RunResult) -> Iterator[str]:
    for note in result.notes:
        yield f"note      {note}"
    yield "blessed   yes" if result.blessed else "blessed   no, nothing was pushed:"
    yield from (f"{' ' * _INDENT}{objection}" for objection in result.objections[:_SHOWN_CLASSES])
    if (more := len(result.objections) - _SHOWN_CLASSES) > 0:
        yield f"{' ' * _INDENT}and {more} more, which the report lists"
    served = result.serving_check
    if served and served.request:
        yield f"request   {served.request}"
    if served and served.log:
        yield "log       of the server:"
        yield from (f"{' ' * _INDENT}{line}" for line in served.log)
    kept = [check.sentence for check in result.checks if check.passed]
    if kept := [*kept, *(served.sentences if served else ())]:
        if not result.blessed:
            yield "kept:"
        yield from (f"{' ' * _INDENT}{sentence}" for sentence in kept)
    if not result.blessed:
        yield f"candidate {result.candidate}"
        return
    if result.version is None:
        yield f"pushed    no: {result.remark}"
        return
    what = "pushed   " if result.pushed else "unchanged"
    yield f"{what} version {result.version} in {result.model_dir}"
    if result.remark:
        yield f"            {result.remark}"


def _shown(line: str, console: Console) -> str:
    return escape(printable(line, console.encoding))
