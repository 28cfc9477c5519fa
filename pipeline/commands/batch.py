"""`bitpipe batch`: millions of pictures through Beam, with the model in the workers."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from bitpipe import exits
from bitpipe.wording import counted


@click.command(short_help="Say what any number of pictures show, without a server.")
@click.option(
    "--data",
    multiple=True,
    required=True,
    metavar="PATH",
    help="A folder (with all below it), a file or a quoted pattern; gs:// and s3:// too. "
    "Repeatable.",
)
@click.option(
    "--models",
    required=True,
    metavar="DIR",
    help="Folder that holds NAME/VERSION, or the versions themselves.",
)
@click.option("--name", help="The model's name.  [default: that of the only one in --models]")
@click.option(
    "--version", type=click.IntRange(1), help="Its version.  [default: the one in service]"
)
@click.option("--out", required=True, metavar="DIR", help="Folder for the answers.")
@click.option("--resume", is_flag=True, help="Go on where an earlier run has stopped.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    help="Of the answers.  [default: jsonl]",
)
@click.option("--top", type=click.IntRange(1), help="Labels of each picture.  [default: 5]")
@click.option(
    "--batch-size",
    default=16,
    show_default=True,
    type=click.IntRange(1),
    help="Pictures that the model is given at a time.",
)
@click.option(
    "--shard-size",
    type=click.IntRange(1),
    help="Pictures of one file of answers, which is also what an interrupted run has to repeat. "
    "[default: 1000]",
)
@click.option(
    "--beam",
    multiple=True,
    metavar="OPTION",
    help="Option of Beam, for example --beam=--runner=FlinkRunner. Repeatable.  [default: in this "
    "process]",
)
def batch(
    data: tuple[str, ...],
    models: str,
    name: str | None,
    out: str,
    beam: tuple[str, ...],
    **chosen: Any,
) -> None:
    """Answer what pictures show, without a server and in any number.

    Answers go to files in the folder --out, each as soon as all its pictures are answered. What
    cannot be read is an answer with the reason.

    Exit codes: 0 all answered; 2 a picture failed, or usage error; 130 interrupted; 1 anything
    else.
    """
    from bitpipe import frameworks
    from bitpipe.beam import IN_PROCESS
    from bitpipe.model import versions
    from pipeline.terminal import bar, counts
    from serving.batch import run

    name = name or versions.only_model(models)
    frameworks.silence()
    try:
        with bar.shown() as watch:
            result = run.run(
                data, models, name, out, watch=watch, beam=beam or IN_PROCESS, **chosen
            )
    except (run.JobInterrupt, run.JobFailedError) as error:
        answers = f"{error.result.answered} of {error.result.pictures} answers"
        click.echo(counts.stopped(error, answers, out), err=True)
        if isinstance(error, run.JobInterrupt):
            sys.stderr.flush()
            # Where Beam has threads, they would finish their shards first.
            os._exit(exits.INTERRUPTED)
        raise
    told = counts.done(result.answered, result.failed, result.earlier, out)
    click.echo(f"{told}, {counted(result.files, 'file')}", err=True)
    sys.exit(exits.USER if result.failed else exits.OK)
