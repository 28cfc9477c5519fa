"""Answers to pictures, as `bitpipe predict` prints them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from bitpipe.names import printable
from pipeline.terminal import streams

if TYPE_CHECKING:
    from serving.client import Answer
    from serving.client.answer_formats import AnswerFormat
    from serving.client.prediction_run import PredictionRun

    Write = Callable[[Answer], None]

_SHOWN_FAILURES = 10
_SCORE_WIDTH = len("0.912")
_WORTH_TELLING = 0.0005
_PIPE_WIDTH = 160  # characters of a table which goes to a file or pipe


def records(form: AnswerFormat) -> Write:
    """Prints a record per answer."""
    if form.header:
        click.echo(form.header, nl=False)
    return lambda answer: click.echo(form.encode(answer), nl=False)


def table(top: int) -> Write:
    """Prints a row per answer, at once: its columns are as wide as the terminal allows.

    Args:
        top: labels of each picture, less those whose score is 0.000 as printed.
    """
    from rich.table import Table
    from rich.text import Text

    console = streams.console(sys.stdout, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    room = console.width - _SCORE_WIDTH - 3 * 2
    widths = (room * 35 // 100, room * 25 // 100, _SCORE_WIDTH, room * 40 // 100)

    def shown(cell: str) -> str:
        return printable(cell, sys.stdout.encoding)

    def row(*cells: str | list[str], style: str = "") -> None:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
        for width in widths[: len(cells)] if top > 1 else widths[:3]:
            table.add_column(width=width, overflow="fold")
        # Text, because names may hold what looks like markup.
        lines = ([cell] if isinstance(cell, str) else cell for cell in cells[: len(table.columns)])
        table.add_row(*(Text("\n".join(map(shown, cell)), style) for cell in lines))
        console.print(table)

    row("file", "label", "score", "then", style="dim")

    def write(answer: Answer) -> None:
        if answer.prediction is None:
            console.print(Text(shown(f"{answer.source}: {answer.reason}"), "red"))
            return
        (label, score), *others = answer.prediction.told[:top]
        told = [f"{label} {score:.3f}" for label, score in others if not score < _WORTH_TELLING]
        row(answer.source, label, f"{score:.3f}", _packed(told, widths[-1]))

    return write


def _packed(items: list[str], width: int) -> list[str]:
    """Lines of items, none broken between two lines but one that is longer than a line."""
    from rich.cells import cell_len

    lines: list[str] = []
    for item in items:
        if lines and cell_len(lines[-1]) + 2 + cell_len(item) <= width:
            lines[-1] += f"  {item}"
        else:
            lines.append(item)
    return lines


def failures() -> Write:
    """Tells the first failures on stderr, where the answers go to a file."""
    told = 0

    def write(answer: Answer) -> None:
        nonlocal told
        if answer.error is None:
            return
        told += 1
        if told <= _SHOWN_FAILURES:
            # Not `click.echo`, which would write into the bar.
            failure = f"{answer.source}: {answer.reason}"
            print(printable(failure, sys.stderr.encoding), file=sys.stderr)
        elif told == _SHOWN_FAILURES + 1:
            print("Further failures are told in the file only.", file=sys.stderr)

    return write


@contextmanager
def progress(
    images: Sequence[str], run: PredictionRun, *, prints: bool
) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, unless the answers are printed there.

    Args:
        images: what `run` is asked about.
        run: its counts are shown whenever the given function is called.
        prints: the answers go to stdout.
    """
    from bitpipe.stores import files
    from pipeline.terminal import bar

    with bar.shown() as advance:
        if advance is None or (prints and sys.stdout.isatty()):
            yield lambda: None
            return
        total = sum(1 for _ in files.find(images))

        def follow() -> None:
            advance(run.answered, run.failed, total)

        follow()
        yield follow
