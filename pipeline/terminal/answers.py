"""Answers to pictures, as `bitpipe predict` prints them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from serving.client import Answer
    from serving.client.answer_formats import AnswerFormat
    from serving.client.prediction_run import PredictionRun

    Write = Callable[[Answer], None]

_SHOWN_FAILURES = 10
_PIPE_WIDTH = 160  # characters of a table which goes to a file or pipe


def records(form: AnswerFormat) -> Write:
    """Prints a record per answer."""
    if form.header:
        click.echo(form.header, nl=False)
    return lambda answer: click.echo(form.encode(answer), nl=False)


def table(top: int) -> Write:
    """Prints a row per answer, at once: its columns are as wide as the terminal allows.

    Args:
        top: labels of each picture.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PIPE_WIDTH)
    room = console.width - 8 - 3 * 2
    widths = (room * 4 // 10, room * 2 // 10, 8, room * 4 // 10)

    def row(*cells: str, style: str = "") -> None:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
        for width in widths[: len(cells)] if top > 1 else widths[:3]:
            table.add_column(width=width, overflow="fold")
        # Text, because names may hold what looks like markup.
        table.add_row(*(Text(_printable(cell), style) for cell in cells[: len(table.columns)]))
        console.print(table)

    row("file", "label", "score", "then", style="dim")

    def write(answer: Answer) -> None:
        if answer.prediction is None:
            console.print(Text(_printable(f"{answer.source}: {answer.reason}"), "red"))
            return
        (label, score), *others = answer.prediction.scores[:top]
        then = "  ".join(f"{label} {score:.4f}" for label, score in others)
        row(answer.source, label, f"{score:.4f}", then)

    return write


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
            print(f"{_printable(answer.source)}: {answer.reason}", file=sys.stderr)
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


def _printable(text: str) -> str:
    """Names of files need not be text, and may hold what moves a terminal's cursor."""
    shown = text.encode("utf-8", "replace").decode()
    return "".join(character if character.isprintable() else "�" for character in shown)
