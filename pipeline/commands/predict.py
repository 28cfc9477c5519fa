"""`bitpipe predict`: asks a server about pictures."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from bitpipe import exits
from pipeline.commands import client_options, options


@click.command(short_help="Ask a server what pictures show.")
@click.argument("images", nargs=-1, required=True, metavar="IMAGES...")
@client_options.model
@click.option("--top", default=5, show_default=True, type=click.IntRange(1), help="Labels shown.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "jsonl", "csv"]),
    help="Default: by the name of --out; else table on a terminal, JSON Lines (jsonl) elsewhere.",
)
@click.option(
    "--out", type=options.FILE, help="Append the answers to this file (JSON Lines or CSV)."
)
@click.option("--resume", is_flag=True, help="Skip what --out holds already.")
@client_options.connection
def predict(
    images: tuple[str, ...],
    top: int,
    form: str | None,
    out: Path | None,
    resume: bool,
    **server: Any,
) -> None:
    """Ask a server what IMAGES show: files, folders (with all below them), quoted patterns.

    Answers come in the order of the files. What cannot be read, or is refused by the server, is
    told with its reason, and the others are answered.

    Exit codes: 0 all answered; 2 a picture failed, usage error, or no server; 130 interrupted;
    1 anything else.
    """
    form = _format(form, out, resume)

    from bitpipe import frameworks
    from bitpipe.stores.named import check_named
    from pipeline.terminal import answers, counts
    from serving.client.answer_file import AnswerFile
    from serving.client.answer_formats import by_name
    from serving.client.prediction_run import PredictionRun

    frameworks.silence()
    check_named(images, all_there=False)  # each that is not has its answer
    with ExitStack() as stack:
        client = stack.enter_context(client_options.client(top=top, **server))
        if out is None:
            show = answers.table(top) if form == "table" else answers.records(by_name(form, top))
            run = PredictionRun(client)
        else:
            show = answers.failures()
            file = AnswerFile(out, by_name(form, top), resume=resume)
            run = PredictionRun(client, stack.enter_context(file))
        try:
            with answers.progress(images, run, prints=out is None) as advance:
                for answer in run.answers(images):
                    show(answer)
                    advance()
        except BaseException as error:
            if out is not None:
                click.echo(counts.stopped(error, f"{run.answered} answers", out), err=True)
            if isinstance(error, KeyboardInterrupt):
                sys.exit(exits.INTERRUPTED)
            raise
    if out is not None:
        click.echo(counts.done(run.answered, run.failed, run.earlier, out), err=True)
    elif run.failed:
        click.echo(f"{run.failed} of {run.answered} pictures failed", err=True)
    sys.exit(exits.USER if run.failed else exits.OK)


def _format(form: str | None, out: Path | None, resume: bool) -> str:
    if out is None:
        if resume:
            raise click.UsageError("--resume continues a file: name it with --out.")
        return form or ("table" if sys.stdout.isatty() else "jsonl")
    if form == "table":
        raise click.UsageError("A file holds jsonl or csv: leave out --format table, or --out.")
    return form or ("csv" if out.suffix.lower() == ".csv" else "jsonl")
