"""`bitpipe run`: the whole pipeline on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bitpipe import exits
from pipeline.commands import options


@click.command(short_help="Train, judge and push a model of a folder of pictures.")
@click.option(
    "--data",
    required=True,
    help="Folder with a folder of pictures per class, an archive, a manifest or TFRecords.",
)
@click.option(
    "--models",
    metavar="FOLDER",
    help="Folder or address (s3://, gs://) that versions are pushed to.  [default: OUT/serving]",
)
@options.output
def run(
    data: str,
    out: Path,
    models: str | None,
    config: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
    verbose: bool,
) -> None:
    """Train, judge and push a model of a folder of pictures, on this machine.

    Exit codes: 0 the model was pushed, or is already in service; 3 it was not blessed, or is one
    that somebody has rolled back from, and nothing was pushed; 2 usage, configuration or data
    error; 130 or 143 interrupted by Ctrl-C or SIGTERM (the same command goes on); 1 anything else.
    """
    from pipeline import interruption

    with interruption.ends_process():
        from pipeline import launch, proposals
        from pipeline.settings import config as configuration

        effective = configuration.load(config, overrides)
        checked, same = effective.config, proposals.again(out, data, config, overrides, models)
        result, _ = launch.run(
            checked,
            data,
            out,
            models=models,
            verbose=verbose,
            origins=effective.origins,
            command=same,
        )
        if as_json:
            import msgspec

            click.echo(msgspec.json.encode(result))
        else:
            from pipeline.terminal.summary import print_summary

            commands = (
                proposals.next_commands(checked, out, same, models)
                if result.blessed
                else [proposals.trial_command(result.candidate)]
            )
            print_summary(result, sys.stdout, commands)
    sys.exit(exits.NOT_BLESSED if result.version is None else exits.OK)
