"""What the benchmark commands share: options, progress, reports, errors in one sentence."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks.bit import comparison, markdown
from benchmarks.bit.lineup import Row
from benchmarks.bit.task import Task
from bitpipe.errors import BitpipeError

TURN_S = 2.0  # for the slowest contender: long enough to have the caches to itself
QUICK_TURN_S = 0.02
QUICK_ROUNDS = 2


def options(rows: Sequence[Row]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates a click command with `names`, `rounds`, `json_path` and `markdown_path`."""
    path = click.Path(path_type=Path, dir_okay=False)
    added = (
        click.option(
            "--row",
            "names",
            multiple=True,
            type=click.Choice([row.name for row in rows]),
            help="Only this row; can be repeated.",
        ),
        click.option(
            "--rounds", default=10, show_default=True, callback=even, help="Turns of each."
        ),
        click.option("--json", "json_path", type=path, help="Writes everything that was measured."),
        click.option(
            "--markdown",
            "markdown_path",
            type=path,
            help="Writes the tables for docs/benchmarks.md.",
        ),
    )

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(added):
            command = option(command)
        return command

    return decorate


def run(
    rows: Sequence[Row],
    task_of: Callable[[Row, str], Task],
    machine: str,
    *,
    names: Sequence[str],
    rounds: int,
    quick: bool,
    json_path: Path | None,
    markdown_path: Path | None,
) -> None:
    """Compares and reports; a BitpipeError ends the process with its message and exit code.

    Args:
        rows: all that there are.
        task_of: (row, folder for its inputs) -> task.
        machine: what figures belong to.
        names: the rows to run; empty for all.
        rounds: turns of each contender, even.
        quick: few and short turns, whatever `rounds` is.
        json_path: where to write the measurements.
        markdown_path: where to write the tables.
    """
    chosen = [row for row in rows if not names or row.name in names]
    try:
        with tempfile.TemporaryDirectory(prefix="bitpipe-benchmark-") as folder:
            results = [
                comparison.compare(
                    row,
                    task_of(row, folder),
                    count=QUICK_ROUNDS if quick else rounds,
                    turn_s=QUICK_TURN_S if quick else TURN_S,
                    note=Console(stderr=True, highlight=False).print,
                )
                for row in chosen
            ]
    except BitpipeError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    markdown.show(Console(), machine, results)
    if json_path:
        json_path.write_text(json.dumps(markdown.as_json(machine, results), indent=2) + "\n")
    if markdown_path:
        markdown_path.write_text(markdown.markdown(machine, results))


def even(_: click.Context, __: click.Parameter, value: int) -> int:
    """A number of rounds that lets both orders count equally."""
    if value < 2 or value % 2:
        raise click.BadParameter(
            f"must be even, so that both orders count equally. Received: {value}."
        )
    return value
