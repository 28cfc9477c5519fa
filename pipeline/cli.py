"""The command line: the commands' group, and how it tells errors.

Bodies of commands import what they need, so that help and usage errors answer at once.
"""

from __future__ import annotations

import os
import signal
from typing import Any

import click

from bitpipe.errors import BitpipeError
from pipeline import extras
from pipeline.commands import (
    batch,
    classify,
    compile,
    config,
    demo,
    evaluate,
    ingest,
    models,
    predict,
    report,
    run,
    runs,
    schedule,
    serve,
    submit,
)
from pipeline.terminal import streams


class Failure(click.ClickException):
    """Printed as one line, whatever names are in it; ends the process with `exit_code`."""

    def __init__(self, message: str, exit_code: int) -> None:
        from bitpipe.names import printable

        super().__init__(printable(message))
        self.exit_code = exit_code  # type: ignore[misc]  # click declares a class variable


def as_failure(error: Exception, command: str | None = None) -> Failure | None:
    """The line and the exit code for an error that tells users what to do; `None` for a bug.

    Args:
        error: what ended the command.
        command: its name; `None` for `bitpipe` alone.
    """
    from bitpipe import full_disk

    told = extras.explained(error, command)
    if not isinstance(told, BitpipeError) and full_disk.is_meant(error):
        told = full_disk.explained(error, {}) or told
    return Failure(str(told), told.exit_code) if isinstance(told, BitpipeError) else None


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(self.commands)  # in the order of use, which click would sort

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            failure = as_failure(error, ctx.invoked_subcommand)
            if failure is None:
                raise
            raise failure from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bitpipe")
def cli() -> None:
    """Fine-tune Big Transfer on a folder of labelled photos and serve the result.

    To see it all: `bitpipe demo`. With your own photos, a folder per class:
    `bitpipe run --data PHOTOS --out DIR`.
    """


for command in (
    demo.demo,
    run.run,
    ingest.ingest,
    report.report,
    evaluate.evaluate,
    config.config,
    models.models,
    runs.runs,
    serve.serve,
    predict.predict,
    batch.batch,
    classify.classify,
    compile.compile_,
    submit.submit,
    schedule.schedule,
):
    cli.add_command(command)


def main() -> None:
    """Entry point of `bitpipe` and `python -m pipeline`."""
    streams.prepare()
    try:
        cli(prog_name="bitpipe")
    finally:
        # The command has ended: what is left is Python's own end, which no one should see break.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, _: os._exit(128 + received))
