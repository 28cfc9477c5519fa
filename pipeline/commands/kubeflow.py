"""`bitpipe submit` and `bitpipe schedule`. Bodies import what they need, as in pipeline.cli."""

from __future__ import annotations

import dataclasses
import datetime
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from pipeline import logs
from pipeline.commands import kubeflow_options

if TYPE_CHECKING:
    from pipeline.kubeflow.api.client import Client
    from pipeline.kubeflow.api.connection import Connection
    from pipeline.kubeflow.api.values import Value
    from pipeline.kubeflow.package import Package
    from pipeline.settings.config import Config


@click.command()
@kubeflow_options.pipeline
@kubeflow_options.connected
@click.option("--wait", is_flag=True, help="Follow the stages until the run ends.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="With --wait: stop watching after that long; the run goes on.",
)
@kubeflow_options.as_json
def submit(
    connection: Connection,
    config: str | None,
    overrides: tuple[str, ...],
    params: tuple[str, ...],
    experiment: str | None,
    pipeline_root: str,
    wait: bool,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    """Run the pipeline on Kubeflow now, and print the address of the run.

    Exit codes with --wait: 0 the model was pushed, or is already in service; 3 it was not blessed
    and nothing was pushed; 1 the run failed or was cancelled. Always: 2 usage, configuration or
    access.
    """
    if timeout_s is not None and not wait:
        raise click.UsageError("--timeout is for --wait.")
    from pipeline.kubeflow.api import watch

    checked, values = _checked(config, overrides, params)
    client = _client(connection)
    package = _compiled(checked)
    run = client.submit(
        package,
        values,
        experiment=experiment or checked.name,
        service_account=checked.kubeflow.service_account,
        pipeline_root=pipeline_root,
    )
    result: dict[str, Any] = {"run_id": run.run_id, "url": run.url}
    if not as_json:
        click.echo(run.url)
    code = 0
    if wait:
        ended = watch.follow(
            client, run, watch.task_names(package), show=_note, timeout_s=timeout_s
        )
        _note(watch.verdict(ended, run.url))
        code = ended.exit_code
        result |= {"state": ended.state, "failed": list(ended.failed), "exit_code": code}
    if as_json:
        click.echo(json.dumps(result))
    sys.exit(code)


@click.group(invoke_without_command=True)
@kubeflow_options.pipeline
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
@kubeflow_options.as_json
@click.pass_context
def schedule(
    ctx: click.Context,
    connection: Connection,
    config: str | None,
    overrides: tuple[str, ...],
    params: tuple[str, ...],
    experiment: str | None,
    pipeline_root: str,
    name: str | None,
    cron: str | None,
    span_window: int | None,
    max_concurrency: int,
    catch_up: bool,
    start: datetime.datetime | None,
    end: datetime.datetime | None,
    as_json: bool,
) -> None:
    """Run the pipeline on Kubeflow again and again.

    With --cron: create the schedule, or replace the one of its name; a paused one stays paused.
    """
    if ctx.invoked_subcommand:
        if cron is not None:
            raise click.UsageError(f"--cron does not go with {ctx.invoked_subcommand!r}.")
        return
    if cron is None:
        raise click.UsageError(
            "Missing option '--cron', or a command: list, pause, resume, delete."
        )
    if start and end and end <= start:
        raise click.UsageError(f"--end must be after --start. Received: {start} and {end}.")
    from pipeline.kubeflow.api import cron as crons
    from pipeline.kubeflow.api import schedule as schedules

    fields = crons.kubeflow_fields(cron)
    if span_window is not None:
        params = (*params, f"span_window={span_window}")
    checked, values = _checked(config, overrides, params, spans=span_window is not None)
    client = _client(connection)
    plan = schedules.Plan(
        name or checked.name, fields, max_concurrency, catch_up, start=start, end=end
    )
    done = schedules.replace(
        client,
        _compiled(checked),
        values,
        plan,
        experiment=experiment or checked.name,
        service_account=checked.kubeflow.service_account,
        pipeline_root=pipeline_root,
    )
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(done)))
        return
    verb = "replaced" if done.replaced else "created"
    click.echo(f"{verb} schedule {done.name}: {done.cron} (seconds first)")
    if done.paused:
        _note(f"It stays paused: `bitpipe schedule resume {done.name}` starts it.")


@schedule.command(name="list")
@kubeflow_options.connected
@kubeflow_options.as_json
def list_(connection: Connection, as_json: bool) -> None:
    """Print the schedules."""
    from pipeline.kubeflow.api import schedule as schedules

    found = schedules.every(_client(connection))
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(item) for item in found]))
        return
    for item in found:
        state = "paused" if item.paused else "on"
        click.echo(f"{item.name:<24} {state:<7} {item.cron or '-'}")


def _change(connection: Connection, name: str, operation: str, done: str) -> None:
    from pipeline.kubeflow.api import schedule as schedules

    for item in schedules.change(_client(connection), name, operation):
        click.echo(f"{done} {item.name} ({item.id})")


@schedule.command()
@click.argument("name")
@kubeflow_options.connected
def pause(connection: Connection, name: str) -> None:
    """Start no more runs of schedule NAME until it is resumed."""
    _change(connection, name, "disable", "paused")


@schedule.command()
@click.argument("name")
@kubeflow_options.connected
def resume(connection: Connection, name: str) -> None:
    """Let schedule NAME start runs again."""
    _change(connection, name, "enable", "resumed")


@schedule.command()
@click.argument("name")
@kubeflow_options.connected
def delete(connection: Connection, name: str) -> None:
    """Delete schedule NAME. Its runs and the uploaded pipeline stay."""
    _change(connection, name, "delete", "deleted")


def _checked(
    config: str | None, overrides: tuple[str, ...], params: tuple[str, ...], *, spans: bool = False
) -> tuple[Config, dict[str, Value]]:
    """The configuration and the run's parameters, refused here rather than after a minute."""
    from bitpipe.errors import ConfigError
    from pipeline.kubeflow import parameters
    from pipeline.kubeflow.api.values import parameter_values
    from pipeline.settings import config as configuration
    from pipeline.settings.kubeflow import require_places

    checked = configuration.load(config, overrides).config
    if checked.kubeflow.target != "kubeflow":
        raise ConfigError(
            "only pipelines for Kubeflow are submitted from here; compile those for Vertex AI and "
            f"use its own client. Received: kubeflow.target {checked.kubeflow.target!r}."
        )
    require_places(checked.kubeflow)
    declared = parameters.declared(checked)
    if spans and "span_window" not in {parameter.name for parameter in declared}:
        raise ConfigError(
            "--span-window needs data that comes in spans: set data.pattern to something like "
            f"'span-{{SPAN}}/*/*'. Received: {checked.data.pattern!r}."
        )
    return checked, parameter_values(declared, params)


def _client(connection: Connection) -> Client:
    from pipeline.kubeflow.api.client import Client, version_of
    from pipeline.kubeflow.compile import spec

    client = Client(connection)
    client.require_backend(spec.MINIMUM_BACKEND)
    if version_of(client.backend) is None:
        _note(
            f"The backend does not tell its version ({client.backend or 'nothing'}); "
            f"{spec.MINIMUM_BACKEND} or newer is needed."
        )
    return client


def _compiled(checked: Config) -> Package:
    _note("loading TFX ...")
    logs.silence_frameworks()
    from pipeline.kubeflow.compile.compiler import compile_pipeline

    return compile_pipeline(checked)


def _note(text: str) -> None:
    """For people; stdout is for the result."""
    click.echo(text, err=True)
