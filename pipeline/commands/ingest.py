"""`bitpipe ingest`: the first stage alone, with its report."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline.commands import options


@click.command(short_help="Read, check and split the pictures, and train nothing.")
@click.option("--data", required=True, help="As of `bitpipe run`.")
@options.output
def ingest(
    data: str,
    out: Path,
    config: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
    verbose: bool,
) -> None:
    """Read, check and split the pictures, and tell what was found; nothing is trained.

    `bitpipe run` with the same --out goes on from there.
    """
    from pipeline import interruption

    with interruption.ends_process():
        from pipeline import launch
        from pipeline.settings import config as configuration

        checked = configuration.load(config, overrides).config
        report = launch.ingest(checked, data, out, verbose=verbose)
        if as_json:
            import msgspec

            click.echo(msgspec.json.encode(report))
        else:
            from pipeline.terminal.ingest import print_report

            print_report(report, sys.stdout)
