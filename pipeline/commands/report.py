"""`bitpipe report`: the page that tells of a run."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline.commands import options


@click.command(short_help="Open the report of a run.")
@click.argument("run", required=False, type=options.LocalPath(), metavar="[RUN]")
@click.option("--print", "only_print", is_flag=True, help="Print where it is and open nothing.")
def report(run: Path | None, only_print: bool) -> None:
    """Print where the report of RUN is and, on a desktop, open it in a browser.

    RUN is the folder of `bitpipe run --out`, whose latest report is taken, or one of the folders in
    its `reports`. Left out: the current folder.

    Exit codes: 0 done; 2 there is no report; 1 anything else.
    """
    from pipeline import reports

    page = reports.find(run or Path())
    click.echo(page)
    if not only_print and sys.stdout.isatty() and reports.has_desktop():
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
