"""Plain columns, as wide as what is in them: for a terminal, a file or another program."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence

import click

from bitpipe.names import printable


def print_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()
) -> None:
    """A line for the head and one per row.

    Args:
        head: a title per column.
        rows: a text per column.
        right: numbers of the columns whose texts end below each other.
    """
    lines = [[printable(text, sys.stdout.encoding) for text in row] for row in (head, *rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = (
            " " * (width - _width(text)) + text
            if column in right
            else text + " " * (width - _width(text))
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        click.echo("  ".join(cells).rstrip())


def print_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """A line per pair."""
    width = max(len(name) for name, _ in pairs)
    for name, text in pairs:
        click.echo(printable(f"{name:<{width}}  {text}", sys.stdout.encoding))


def _width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    from rich.cells import cell_len

    return cell_len(text)
