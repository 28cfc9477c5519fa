"""Scheduled runs on Kubeflow, one per name: create or replace, list, pause, resume, delete."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bitpipe.errors import BitpipeError, ConfigError
from pipeline.kubeflow.api import removal
from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.api.failures import NotFoundError
from pipeline.kubeflow.api.removal import is_paused
from pipeline.kubeflow.api.upload import upload
from pipeline.kubeflow.api.values import Value
from pipeline.kubeflow.package import Package

# Looks until nothing is left to be done; two where nobody else schedules.
_ROUNDS = 20
_NEXT_SECOND_S = 1.1


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
    """The new schedule is there, but not as it should be."""


def replace(
    client: Client,
    package: Package,
    values: Mapping[str, Value],
    plan: Plan,
    *,
    experiment: str,
    service_account: str = "",
    pipeline_root: str = "",
    force: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Scheduled:
    """Creates the schedule in the place of those that had its name; a paused one stays paused.

    It is created paused, and enabled when no other is left, so that no slot starts two runs. Where
    anything fails before it is there, the old one is untouched. Of several callers at once, all but
    the last one's are removed again.

    Args:
        client: where.
        package: what to run.
        values: the runs' parameters.
        plan: when.
        experiment: groups runs.
        service_account: of the tasks' pods; empty for the installation's.
        pipeline_root: where Kubeflow keeps its own outputs; empty for the installation's.
        force: also where that ends a run in flight; see `pipeline.kubeflow.api.removal`.
        sleep: waits for seconds.

    Raises:
        KubeflowError, BackendError: as of `Client`.
        ActiveRunError: the old one has a run in flight, and stays.
        ReplaceError: the old one could not be deleted, or the new one not be enabled.
    """
    client.require_backend(package.manifest["minimum_backend"])
    old = _named(client, plan.name)
    if not force:
        removal.refuse_active(client, old)
    pipeline_id, version_id = upload(client, package)
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
        mode=models.RecurringRunMode.DISABLE,
        max_concurrency=str(plan.max_concurrency),
        no_catchup=not plan.catch_up,
        service_account=service_account or None,
    )
    created = client.call("recurring_run", "create_recurring_run", wanted)
    if any(item.created_at >= created.created_at for item in old):
        # Kubeflow counts whole seconds, and the order must be the same for everybody.
        sleep(_NEXT_SECOND_S)
        created = client.call("recurring_run", "create_recurring_run", wanted)
    try:
        return _settle(client, created, old, force=force)
    except removal.ActiveRunError:
        # It started after the first look. The old one goes on, so the new one goes.
        removal.remove(client, created, force=True)
        raise
    except ReplaceError:
        raise
    except BitpipeError as error:
        raise ReplaceError(
            f"the schedule {plan.name!r} is there ({created.recurring_run_id}), but maybe paused, "
            f"or beside an old one: {error} Schedule it again to clear up; if it is paused then, "
            f"`bitpipe schedule resume {plan.name}` starts it."
        ) from None


def _settle(client: Client, created: Any, old: Sequence[Any], *, force: bool) -> Scheduled:
    """Leaves the newest of the name, and enables it unless all that were there were paused.

    Everybody who has created one does this until there is nothing left to do. All agree on which
    is the newest, so that at least one stays, and the last to look leaves no more.
    """
    name, mine = created.display_name, created.recurring_run_id
    was_on = not old
    replaced = dict.fromkeys(item.recurring_run_id for item in old)
    for _ in range(_ROUNDS):
        found = _named(client, name)
        if not found:
            raise BitpipeError("somebody deleted it meanwhile.")
        was_on |= any(
            not is_paused(item) for item in [*old, *found] if item.recurring_run_id != mine
        )
        last = max(found, key=lambda item: (item.created_at, item.recurring_run_id))
        others = [item for item in found if item is not last]
        for item in others:
            removal.remove(client, item, force=force)
            replaced[item.recurring_run_id] = None
        if was_on and is_paused(last):
            try:
                client.call("recurring_run", "enable_recurring_run", last.recurring_run_id)
            except NotFoundError:  # a still newer one took its place
                continue
        elif not others:
            if last.recurring_run_id != mine and not _alike(last, created):
                raise ReplaceError(
                    f"somebody else scheduled {name!r} at the same time, and theirs stays "
                    f"({_scheduled(last).cron}); schedule it again if it should be yours."
                )
            for stays in (last.recurring_run_id, mine):
                replaced.pop(stays, None)
            return dataclasses.replace(_scheduled(last), replaced=tuple(replaced))
    raise BitpipeError("others keep on scheduling it.")


def _alike(one: Any, other: Any) -> bool:
    fields = ("trigger", "pipeline_version_reference", "runtime_config", "max_concurrency")
    return all(getattr(one, field) == getattr(other, field) for field in fields)


def every(client: Client) -> list[Scheduled]:
    """All schedules of the namespace, by name."""
    runs = client.every("recurring_run", "list_recurring_runs", "recurring_runs", **client.scope())
    return sorted((_scheduled(run) for run in runs), key=lambda item: (item.name, item.id))


def change(client: Client, name: str, operation: str) -> list[Scheduled]:
    """Applies `disable` or `enable` to what has the name: one, unless others made more.

    Raises:
        ConfigError: there is none.
    """
    found = _existing(client, name)
    for item in found:
        client.call("recurring_run", f"{operation}_recurring_run", item.recurring_run_id)
    return [_scheduled(item) for item in found]


def delete(client: Client, name: str, *, force: bool = False) -> list[Scheduled]:
    """Deletes what has the name; the runs that it started stay.

    Args:
        client: where.
        name: the schedule's.
        force: also where that ends a run in flight.

    Raises:
        ConfigError: there is none.
        ActiveRunError: it has a run in flight, and stays.
    """
    found = _existing(client, name)
    if not force:
        removal.refuse_active(client, found)
    for item in found:
        removal.remove(client, item, force=force)
    return [_scheduled(item) for item in found]


def _named(client: Client, name: str) -> list[Any]:
    return client.named("recurring_run", "list_recurring_runs", "recurring_runs", name)


def _existing(client: Client, name: str) -> list[Any]:
    found = _named(client, name)
    if not found:
        names = ", ".join(sorted({item.name for item in every(client)}))
        raise ConfigError(f"no schedule {name!r}; there is {names or 'none at all'}.")
    return found


def _scheduled(run: Any) -> Scheduled:
    trigger = run.trigger and run.trigger.cron_schedule
    reference = run.pipeline_version_reference
    return Scheduled(
        run.recurring_run_id,
        run.display_name,
        (trigger and trigger.cron) or "",
        is_paused(run),
        (reference and reference.pipeline_version_id) or "",
    )
