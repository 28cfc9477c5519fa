"""Deletes a schedule and leaves the runs that it started.

To Kubernetes a schedule's runs belong to it, and are deleted with it, unless it is told to let go
of them, which Kubeflow's API cannot say before 2.16. There a schedule with a run in flight stays.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bitpipe import exits
from bitpipe.errors import BitpipeError
from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.api.failures import NotFoundError
from pipeline.kubeflow.api.watch import ENDED

# backend/api/v2beta1/recurring_run.proto, DeletePropagationPolicy. Older backends ignore what they
# do not know of a query, so that one which does not tell its version must count as older.
_LETS_GO = "2.16.0"


class ActiveRunError(BitpipeError):
    """Deleting the schedule would end a run in flight."""

    exit_code = exits.USER


def refuse_active(client: Client, schedules: Sequence[Any]) -> None:
    """Refuses schedules that could not be deleted without ending a run in flight.

    Args:
        client: where they are.
        schedules: V2beta1RecurringRun.

    Raises:
        ActiveRunError: there is one.
    """
    if client.is_at_least(_LETS_GO):
        return
    for schedule in schedules:
        for run_id in _active(client, schedule.recurring_run_id):
            raise ActiveRunError(
                f"the schedule {schedule.display_name!r} has a run in flight, which Kubeflow "
                f"Pipelines {client.backend or 'of a version that it does not tell'} (before "
                f"{_LETS_GO}) would end with it: wait for {client.run_url(run_id)}, or end it "
                "with --force."
            )


def remove(client: Client, schedule: Any, *, force: bool = False) -> None:
    """Deletes a schedule; one that is gone already is fine.

    Args:
        client: where it is.
        schedule: a V2beta1RecurringRun.
        force: also where that ends a run in flight.

    Raises:
        ActiveRunError: it has a run in flight, and stays as it was.
        KubeflowError, BackendError: as of `Client`.
    """
    identifier = schedule.recurring_run_id
    try:
        if client.is_at_least(_LETS_GO):
            # By hand: the API package of kfp 2.5 does not know the option.
            client.delete(f"/apis/v2beta1/recurringruns/{identifier}", propagation_policy="ORPHAN")
            return
        # Between a look and the end another run could start.
        client.call("recurring_run", "disable_recurring_run", identifier)
        try:
            if not force:
                refuse_active(client, [schedule])
            client.call("recurring_run", "delete_recurring_run", identifier)
        except NotFoundError:
            raise
        except BitpipeError:
            if not is_paused(schedule):
                client.call("recurring_run", "enable_recurring_run", identifier)
            raise
    except NotFoundError:
        pass


def is_paused(schedule: Any) -> bool:
    """Whether a V2beta1RecurringRun starts no runs."""
    return schedule.status == "DISABLED" or (schedule.status is None and schedule.mode == "DISABLE")


def _active(client: Client, recurring_run_id: str) -> list[str]:
    """The identifiers of a schedule's runs that have not ended."""
    # What has ended stays there, because a schedule has many runs and each comes with its pipeline.
    predicates = [
        {"operation": "EQUALS", "key": "recurring_run_id", "string_value": recurring_run_id},
        *({"operation": "NOT_EQUALS", "key": "state", "string_value": state} for state in ENDED),
    ]
    found = client.every(
        "run", "list_runs", "runs", filter=json.dumps({"predicates": predicates}), **client.scope()
    )
    # A run of before Kubeflow 2 has no state in the data base, but one in the answer.
    return [run.run_id for run in found if run.state not in ENDED]
