"""How far bit-mini's weights carry: `python -m benchmarks.transfer`, or `make bench-transfer`."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.kit import machine
from benchmarks.transfer import cells, report
from benchmarks.transfer.datasets import DATA
from benchmarks.transfer.measure import Bench
from benchmarks.transfer.results import Results
from bitpipe.errors import BitpipeError
from components.bit.packaged import BACKBONE, SOURCES


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("cache", type=click.Path(path_type=Path, file_okay=False))
@click.option("--only", multiple=True, type=click.Choice(list(DATA)), help="Only these data sets.")
@click.option("--minutes", type=float, help="Begin no cell after so many; the next run goes on.")
@click.option(
    "--docs",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Write transfer.md, its figures and transfer.jsonl, all results, into this folder.",
)
def main(
    data: Path, cache: Path, only: Sequence[str], minutes: float | None, docs: Path | None
) -> None:
    """Measures transfer from bit-mini to the pictures in DATA, cell by cell, and keeps it in CACHE.

    What CACHE holds, or a transfer.jsonl in the folder --docs, is not measured again. With
    `--minutes 0 --docs DIR` only the page is written.
    """
    names = list(only or DATA)
    results = Results(cache, str(SOURCES[BACKBONE].sha256)[:12], docs)
    try:
        _measure(data, cache, names, results, minutes)
    except BitpipeError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    if docs:
        report.write(results, docs, machine.describe(), datetime.date.today())


def _measure(
    data: Path, cache: Path, names: Sequence[str], results: Results, minutes: float | None
) -> None:
    wanted = [cell for cell in cells.grid(names) if cell not in results]
    end = None if minutes is None else time.monotonic() + 60 * minutes
    bench = Bench(data, cache)
    for number, cell in enumerate(wanted, start=1):
        if cell in results:  # the first curve stands in the order twice
            continue
        if end is not None and time.monotonic() >= end:
            click.echo(f"{len(wanted) - number + 1} cells are left.")
            return
        rate = results.rate_for(cell)
        measured = bench.measure(cell, rate)
        results.add(measured)
        click.echo(
            f"{number}/{len(wanted)} {cell.kind} {cell.data} {cell.method} "
            f"{cell.shots or 'all'} seed {cell.seed} rate {rate}: {measured.accuracy:.4f} "
            f"in {measured.seconds:.0f} s"
        )


if __name__ == "__main__":
    main()
