"""`bitpipe schedule`: runs on Kubeflow, again and again."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands import kubeflow_options, options, schedules

if TYPE_CHECKING:
    from pipeline.commands.kubeflow_options import Order
    from pipeline.kubeflow.api.connection import Connection


@click.group(invoke_without_command=True)
@kubeflow_options.ordered
@kubeflow_options.connected
@click.option("--name", help="The schedule's name. Default: the configuration's.")
@click.option(
    "--cron",
    metavar="FIELDS",
    help="When, in UTC unless your Kubeflow is set otherwise: minute, hour, day, month, weekday, "
    "as in '0 2 * * *'; or six fields with seconds first.",
)
@click.option(
    "--span-window",
    type=click.IntRange(1),
    metavar="N",
    help="Train on the latest N spans of the data.",
)
@click.option(
    "--max-concurrency",
    default=1,
    show_default=True,
    type=click.IntRange(1, 10),
    help="Runs at the same time.",
)
@click.option("--catch-up", is_flag=True, help="Also run for the slots missed while it was paused.")
@click.option("--start", type=kubeflow_options.Moment(), help="No run before. Default: now.")
@click.option("--end", type=kubeflow_options.Moment(), help="No run after. Default: never.")
@kubeflow_options.force
@options.as_json
@click.pass_context
def schedule(
    ctx: click.Context,
    /,
    order: Order,
    connection: Connection,
    name: str | None,
    cron: str | None,
    span_window: int | None,
    force: bool,
    as_json: bool,
    **when: Any,
) -> None:
    """Run the pipeline on Kubeflow again and again.

    With --cron: create the schedule, or replace the one of its name; a paused one stays paused, and
    a run in flight goes on.
    """
    if ctx.invoked_subcommand:
        if cron is not None:
            raise click.UsageError(f"--cron does not go with {ctx.invoked_subcommand!r}.")
        return
    if cron is None:
        raise click.UsageError(
            "Missing option '--cron', or a command: list, pause, resume, delete."
        )
    if when["start"] and when["end"] and when["end"] <= when["start"]:
        raise click.UsageError(
            f"--end must be after --start. Received: {when['start']} and {when['end']}."
        )
    from bitpipe import frameworks
    from pipeline.kubeflow import cluster
    from pipeline.kubeflow.api.cron import kubeflow_fields
    from pipeline.kubeflow.api.schedule import Plan

    frameworks.silence()
    note = kubeflow_options.note
    fields, config = kubeflow_fields(cron), order.load()
    plan = Plan(name or config.name, fields, **when)
    done = cluster.schedule(
        config, connection, plan, span_window=span_window, force=force, note=note, **order.how()
    )
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(done)))
        return
    verb = "replaced" if done.replaced else "created"
    click.echo(f"{verb} schedule {done.name}: {done.cron} (seconds first)")
    if done.paused:
        note(f"It stays paused: `bitpipe schedule resume {done.name}` starts it.")


for command in schedules.COMMANDS:
    schedule.add_command(command)
