"""Scheduled runs on Kubeflow, one per name: create or replace, list, pause, resume, delete."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bitpipe.errors import BitpipeError, ConfigError
from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.api.values import Value
from pipeline.kubeflow.package import Package


@dataclasses.dataclass(frozen=True)
class Plan:
    """When and how often to run.

    Attributes:
        name: of the schedule; there is one per name.
        cron: as `pipeline.kubeflow.api.cron.kubeflow_fields` returns it.
        max_concurrency: runs at the same time, 1 to 10.
        catch_up: also run for the slots that were missed while the schedule was paused.
        start, end: with a time zone; `None` for at once and for ever.
    """

    name: str
    cron: str
    max_concurrency: int = 1
    catch_up: bool = False
    start: datetime.datetime | None = None
    end: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Scheduled:
    """A schedule as Kubeflow has it.

    Attributes:
        id: Kubeflow's.
        name: as people know it.
        cron: six fields, seconds first, UTC; empty where it was made with an interval.
        paused: whether it starts no runs.
        pipeline_version_id: what it runs.
        replaced: the identifiers of those that this one took the place of.
    """

    id: str
    name: str
    cron: str
    paused: bool
    pipeline_version_id: str
    replaced: tuple[str, ...] = ()


class ReplaceError(BitpipeError):
    """The new schedule is there, and so is an old one."""


def replace(
    client: Client,
    package: Package,
    values: Mapping[str, Value],
    plan: Plan,
    *,
    experiment: str,
    service_account: str = "",
    pipeline_root: str = "",
) -> Scheduled:
    """Creates the schedule, then deletes those that had its name; a paused one stays paused.

    Where anything fails before the new one is there, the old one is untouched.

    Raises:
        KubeflowError, BackendError: as of `Client`.
        ReplaceError: an old one could not be deleted.
    """
    client.require_backend(package.manifest["minimum_backend"])
    old = client.named("recurring_run", "list_recurring_runs", "recurring_runs", plan.name)
    pipeline_id, version_id = upload(client, package)
    paused = bool(old) and all(_is_paused(item) for item in old)
    models = client.models
    wanted = models.V2beta1RecurringRun(
        display_name=plan.name,
        experiment_id=client.experiment_id(experiment),
        # Without a version Kubeflow would run the newest, whoever uploads it.
        pipeline_version_reference=models.V2beta1PipelineVersionReference(
            pipeline_id=pipeline_id, pipeline_version_id=version_id
        ),
        runtime_config=client.runtime_config(values, pipeline_root),
        trigger=models.V2beta1Trigger(
            cron_schedule=models.V2beta1CronSchedule(
                cron=plan.cron, start_time=plan.start, end_time=plan.end
            )
        ),
        mode=models.RecurringRunMode.DISABLE if paused else models.RecurringRunMode.ENABLE,
        max_concurrency=str(plan.max_concurrency),
        no_catchup=not plan.catch_up,
        service_account=service_account or None,
    )
    created = client.call("recurring_run", "create_recurring_run", wanted)
    for item in old:
        try:
            client.call("recurring_run", "delete_recurring_run", item.recurring_run_id)
        except BitpipeError as error:
            raise ReplaceError(
                f"the schedule {plan.name!r} was created, but an old one of the name is still "
                f"there ({item.recurring_run_id}): {error} Schedule it again to clear up."
            ) from None
    replaced = tuple(item.recurring_run_id for item in old)
    return Scheduled(created.recurring_run_id, plan.name, plan.cron, paused, version_id, replaced)


def upload(client: Client, package: Package) -> tuple[str, str]:
    """Makes the package a version of the pipeline of its name, unless it is one already.

    Returns:
        Kubeflow's identifiers of the pipeline and of the version.
    """
    text = package.to_yaml()
    version = f"{package.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    pipelines = client.named("pipeline", "list_pipelines", "pipelines", package.name)
    versions: list[Any] = []
    if pipelines:
        pipeline_id = pipelines[0].pipeline_id
        versions = _versions(client, pipeline_id)
        for known in versions:
            if known.display_name == version:
                return pipeline_id, known.pipeline_version_id
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        file.write_text(text, encoding="utf-8")
        if not pipelines:
            # Makes a first version as well, named after the pipeline.
            pipeline_id = client.call(
                "upload", "upload_pipeline", str(file), name=package.name, **client.scope()
            ).pipeline_id
            [first] = _versions(client, pipeline_id)
            return pipeline_id, first.pipeline_version_id
        uploaded = client.call(
            "upload", "upload_pipeline_version", str(file), name=version, pipelineid=pipeline_id
        )
    return pipeline_id, uploaded.pipeline_version_id


def every(client: Client) -> list[Scheduled]:
    """All schedules of the namespace, by name."""
    runs = client.every("recurring_run", "list_recurring_runs", "recurring_runs", **client.scope())
    return sorted((_scheduled(run) for run in runs), key=lambda item: (item.name, item.id))


def change(client: Client, name: str, operation: str) -> list[Scheduled]:
    """Applies `disable`, `enable` or `delete` to what has the name.

    That is one, unless others made more.

    Raises:
        ConfigError: there is none.
    """
    found = client.named("recurring_run", "list_recurring_runs", "recurring_runs", name)
    if not found:
        names = ", ".join(sorted({item.name for item in every(client)}))
        raise ConfigError(f"no schedule {name!r}; there is {names or 'none at all'}.")
    for item in found:
        client.call("recurring_run", f"{operation}_recurring_run", item.recurring_run_id)
    return [_scheduled(item) for item in found]


def _versions(client: Client, pipeline_id: str) -> list[Any]:
    listed = client.every("pipeline", "list_pipeline_versions", "pipeline_versions", pipeline_id)
    return list(listed)


def _scheduled(run: Any) -> Scheduled:
    trigger = run.trigger and run.trigger.cron_schedule
    reference = run.pipeline_version_reference
    return Scheduled(
        run.recurring_run_id,
        run.display_name,
        (trigger and trigger.cron) or "",
        _is_paused(run),
        (reference and reference.pipeline_version_id) or "",
    )


def _is_paused(run: Any) -> bool:
    return run.status == "DISABLED" or (run.status is None and run.mode == "DISABLE")
