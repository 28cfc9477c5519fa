"""Hands a configuration to Kubeflow, for a run now or for a schedule.

What can be told at once is told first: mistakes, then a cluster that cannot be reached or is too
old. Only then is the pipeline compiled, which imports TFX and takes a minute.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from bitpipe.errors import ConfigError
from pipeline.kubeflow import parameters
from pipeline.kubeflow.api import schedule as schedules
from pipeline.kubeflow.api import watch
from pipeline.kubeflow.api.client import Client, Submitted, version_of
from pipeline.kubeflow.api.connection import Connection
from pipeline.kubeflow.api.schedule import Plan, Scheduled
from pipeline.kubeflow.api.values import Value, parameter_values
from pipeline.kubeflow.compile import spec
from pipeline.kubeflow.package import Package
from pipeline.settings.config import Config
from pipeline.settings.kubeflow import require_places

Note = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Submission:
    """A run that Kubeflow has accepted.

    Attributes:
        client: whose it is.
        run: its identifier and address.
        tasks: their names, as of `pipeline.kubeflow.api.watch.follow`.
    """

    client: Client
    run: Submitted
    tasks: list[str]


def submit(
    config: Config,
    connection: Connection,
    params: Sequence[str] = (),
    *,
    experiment: str | None = None,
    pipeline_root: str = "",
    note: Note = lambda _: None,
) -> Submission:
    """Starts a run now.

    Args:
        config: what to run.
        connection: where.
        params: `name=value` strings, for the pipeline's parameters.
        experiment: groups runs; `None` for the configuration's name.
        pipeline_root: where Kubeflow keeps its own outputs; empty for the installation's.
        note: is told what takes long, and what is doubtful.

    Raises:
        ConfigError: the configuration or a parameter cannot be used.
        KubeflowError, BackendError: as of `Client`.
    """
    values = _values(config, params)
    client = connect(connection, note, minimum=spec.minimum_backend(config.kubeflow))
    package = _compiled(config, note)
    run = client.submit(
        package,
        values,
        experiment=experiment or config.name,
        service_account=config.kubeflow.service_account,
        pipeline_root=pipeline_root,
    )
    return Submission(client, run, watch.task_names(package))


def schedule(
    config: Config,
    connection: Connection,
    plan: Plan,
    params: Sequence[str] = (),
    *,
    span_window: int | None = None,
    experiment: str | None = None,
    pipeline_root: str = "",
    force: bool = False,
    note: Note = lambda _: None,
) -> Scheduled:
    """Starts runs again and again; replaces the schedule of the plan's name.

    Args:
        config: what to run.
        connection: where.
        plan: when.
        params: `name=value` strings, for the pipeline's parameters.
        span_window: train on so many of the latest spans; `None` leaves it to the configuration.
        experiment: groups runs; `None` for the configuration's name.
        pipeline_root: where Kubeflow keeps its own outputs; empty for the installation's.
        force: also where that ends a run in flight, as backends before 2.16 do.
        note: is told what takes long, and what is doubtful.

    Raises:
        ConfigError: the configuration or a parameter cannot be used.
        KubeflowError, BackendError, ActiveRunError, ReplaceError: as of
            `pipeline.kubeflow.api.schedule.replace`.
    """
    if span_window is not None:
        params = (*params, f"span_window={span_window}")
    values = _values(config, params, spans=span_window is not None)
    client = connect(connection, note, minimum=spec.minimum_backend(config.kubeflow))
    return schedules.replace(
        client,
        _compiled(config, note),
        values,
        plan,
        experiment=experiment or config.name,
        service_account=config.kubeflow.service_account,
        pipeline_root=pipeline_root,
        force=force,
    )


def connect(
    connection: Connection,
    note: Note = lambda _: None,
    minimum: str = spec.MINIMUM_BACKEND,
) -> Client:
    """A client of a backend that is new enough; of one that does not say so, `note` is told.

    Args:
        connection: where, and how to get in.
        note: is told what is doubtful.
        minimum: the oldest backend that will do.

    Raises:
        ConfigError, KubeflowError, BackendError: as of `Client`.
    """
    client = Client(connection)
    client.require_backend(minimum)
    if version_of(client.backend) is None:
        note(
            f"The backend does not tell its version ({client.backend or 'nothing'}); "
            f"{minimum} or newer is needed."
        )
    return client


def _values(config: Config, params: Sequence[str], *, spans: bool = False) -> dict[str, Value]:
    """The run's parameters, refused here rather than after a minute."""
    if config.kubeflow.target != "kubeflow":
        raise ConfigError(
            "only pipelines for Kubeflow are submitted from here; compile those for Vertex AI and "
            f"use its own client. Received: kubeflow.target {config.kubeflow.target!r}."
        )
    require_places(config.kubeflow)
    declared = parameters.declared(config)
    if spans and "span_window" not in {parameter.name for parameter in declared}:
        raise ConfigError(
            "--span-window needs data that comes in spans: set data.pattern to something like "
            f"'span-{{SPAN}}/*/*'. Received: {config.data.pattern!r}."
        )
    return parameter_values(declared, params)


def _compiled(config: Config, note: Note) -> Package:
    note("loading TFX ...")
    from pipeline.kubeflow.compile.compiler import compile_pipeline

    return compile_pipeline(config)
