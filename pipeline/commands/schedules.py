"""`bitpipe schedule list`, `pause`, `resume` and `delete`: the schedules that are there."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from pipeline.commands import kubeflow_options, options

if TYPE_CHECKING:
    from pipeline.kubeflow.api.connection import Connection


@click.command(name="list")
@kubeflow_options.connected
@options.as_json
def list_(connection: Connection, as_json: bool) -> None:
    """Print the schedules."""
    from pipeline.kubeflow import cluster
    from pipeline.kubeflow.api import schedule

    found = schedule.every(cluster.connect(connection, kubeflow_options.note))
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(item) for item in found]))
        return
    for item in found:
        state = "paused" if item.paused else "on"
        click.echo(f"{item.name:<24} {state:<7} {item.cron or '-'}")


@click.command()
@click.argument("name")
@kubeflow_options.connected
def pause(connection: Connection, name: str) -> None:
    """Start no more runs of schedule NAME until it is resumed."""
    _change(connection, name, "disable", "paused")


@click.command()
@click.argument("name")
@kubeflow_options.connected
def resume(connection: Connection, name: str) -> None:
    """Let schedule NAME start runs again."""
    _change(connection, name, "enable", "resumed")


@click.command()
@click.argument("name")
@kubeflow_options.connected
@kubeflow_options.force
def delete(connection: Connection, name: str, force: bool) -> None:
    """Delete schedule NAME. Its runs stay, those in flight too, and so does the uploaded pipeline.

    Kubeflow Pipelines before 2.16 would end a run in flight: the schedule is not deleted then.
    """
    from pipeline.kubeflow import cluster
    from pipeline.kubeflow.api import schedule

    client = cluster.connect(connection, kubeflow_options.note)
    for item in schedule.delete(client, name, force=force):
        click.echo(f"deleted {item.name} ({item.id})")


COMMANDS = (list_, pause, resume, delete)


def _change(connection: Connection, name: str, operation: str, done: str) -> None:
    from pipeline.kubeflow import cluster
    from pipeline.kubeflow.api import schedule

    client = cluster.connect(connection, kubeflow_options.note)
    for item in schedule.change(client, name, operation):
        click.echo(f"{done} {item.name} ({item.id})")
