"""`bitpipe submit`: a run on Kubeflow now."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from bitpipe import exits
from pipeline.commands import kubeflow_options, options

if TYPE_CHECKING:
    from pipeline.commands.kubeflow_options import Order
    from pipeline.kubeflow.api.connection import Connection


@click.command(short_help="Run the pipeline on Kubeflow now.")
@kubeflow_options.ordered
@kubeflow_options.connected
@click.option(
    "--wait", is_flag=True, help="Follow the stages until the run ends, and tell what it waits for."
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="With --wait: stop watching after that long; the run goes on.",
)
@options.as_json
def submit(
    order: Order, connection: Connection, wait: bool, timeout_s: float | None, as_json: bool
) -> None:
    """Run the pipeline on Kubeflow now, and print the address of the run.

    Exit codes with --wait: 0 the model was pushed, or is already in service; 3 it was not blessed
    and nothing was pushed; 1 the run failed or was cancelled. Always: 2 usage, configuration or
    access.
    """
    if timeout_s is not None and not wait:
        raise click.UsageError("--timeout is for --wait.")
    from bitpipe import frameworks
    from pipeline.kubeflow import cluster
    from pipeline.kubeflow.api import watch

    frameworks.silence()
    note = kubeflow_options.note
    submitted = cluster.submit(order.load(), connection, note=note, **order.how())
    run = submitted.run
    result: dict[str, Any] = {"run_id": run.run_id, "url": run.url}
    if not as_json:
        click.echo(run.url)
    code = exits.OK
    if wait:
        ended = watch.follow(submitted.client, run, submitted.tasks, show=note, timeout_s=timeout_s)
        note(watch.verdict(ended, run.url))
        code = ended.exit_code
        result |= {"state": ended.state, "failed": list(ended.failed), "exit_code": code}
    if as_json:
        click.echo(json.dumps(result))
    sys.exit(code)
