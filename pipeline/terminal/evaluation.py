"""What `bitpipe evaluate` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.markup import escape
from rich.table import Table

from bitpipe.names import printable
from pipeline.terminal import streams

if TYPE_CHECKING:
    from components.gate.measures import Measures
    from components.gate.verdict import Measured

_SHOWN_CLASSES = 12
_SHOWN_REJECTED = 5


def print_judged(
    models: tuple[str, ...],
    measured: Measured,
    notes: tuple[str, ...],
    rejected: tuple[dict[str, str], ...],
    page: Path,
    stream: TextIO,
) -> None:
    """The models, each class, of many those that are recognised least, and what was found."""
    console = streams.console(stream, soft_wrap=True)

    def say(line: str) -> None:
        console.print(escape(printable(line, console.encoding)))

    for path in models:
        say(f"model     {path}")
    console.print(_classes(measured, console.encoding))
    for note in notes:
        say(note)
    if measured.candidate.unknown:
        say(_rejecting(measured.candidate))
    for one in rejected[:_SHOWN_REJECTED]:
        say(f"            {one['filename']}: {one['reason']}")
    say(f"report    {page}")


def _rejecting(found: Measures) -> str:
    right = "" if found.precision is None else f", of which {found.precision:.4f} are right"
    return (
        f"{found.coverage:.4f} of the pictures are answered with a class{right}; the others with "
        "'unknown'"
    )


def _classes(measured: Measured, encoding: str) -> Table:
    found = measured.candidate
    old = measured.compared.baseline.recalls if measured.compared else {}
    recalls = found.recalls
    names = sorted(recalls, key=lambda name: (recalls[name], name))
    shown = names[:_SHOWN_CLASSES]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("class" if len(shown) == len(names) else "least recognised")
    for head in ("pictures", "recall", *(["second"] if old else [])):
        table.add_column(head, justify="right")
    for name in shown:
        cells = [str(found.counts[name]), f"{recalls[name]:.4f}"]
        cells += [f"{old[name]:.4f}" if name in old else "-"] if old else []
        table.add_row(escape(printable(name, encoding)), *cells)
    return table
