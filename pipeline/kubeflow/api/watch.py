"""Follows a run on Kubeflow until it ends, and tells what `bitpipe run` would have told."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Callable, Sequence
from typing import Any

from bitpipe import exits
from bitpipe.errors import BitpipeError
from pipeline.kubeflow.api.client import Client, Submitted
from pipeline.kubeflow.api.failures import BackendError, UnreachableError
from pipeline.kubeflow.package import GATE_TASK, Package

POLL_S = 5.0
ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
_MARKS = {"SUCCEEDED": "✓", "FAILED": "✗", "CANCELED": "✗", "SKIPPED": "-"}
_WORDS = {"FAILED": "failed", "CANCELED": "cancelled", "SKIPPED": "skipped"}
# The API is asked for hours; a restart of its pod must not end the watch.
_TOLERATED_FAILURES = 5
_NAME_WIDTH = 17
# Longer than pods usually wait for a node and its image.
_PATIENCE_S = 120.0
# In a pod's place, before there is any.
_NOT_STARTED = ("", None)


class WatchError(BitpipeError):
    """The run goes on, but is no longer watched."""


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        state: SUCCEEDED, FAILED, CANCELED or SKIPPED.
        failed: the tasks that failed.
        exit_code: 0 the model was pushed or is already in service, 3 it was not blessed, 1 else.
    """

    state: str
    failed: tuple[str, ...]
    exit_code: int


def task_names(package: Package) -> list[str]:
    """The tasks of a pipeline, in the order of its specification."""
    tasks = package.pipeline_spec["root"]["dag"]["tasks"]
    return [task.get("taskInfo", {}).get("name", key) for key, task in tasks.items()]


def follow(
    client: Client,
    run: Submitted,
    tasks: Sequence[str],
    *,
    show: Callable[[str], None],
    timeout_s: float | None = None,
    poll_s: float = POLL_S,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Ended:
    """Shows each task as it starts and ends, until the run ends.

    Args:
        client: where the run is.
        run: what to follow.
        tasks: the names of the pipeline's tasks.
        show: gets one line at a time.
        timeout_s: seconds after which to stop watching; `None` for never.
        poll_s: seconds between two looks.
        sleep: waits for seconds.
        clock: seconds since some moment.

    Raises:
        WatchError: the time is over, or the API failed several times in a row.
        KubeflowError: access was lost.
    """
    started = clock()
    shown: dict[str, str] = {}
    pending = _Pending(run.run_id, tasks)
    failures = 0
    while True:
        try:
            answer = client.call("run", "get_run", run.run_id)
            failures = 0
        except (BackendError, UnreachableError) as error:
            failures += 1
            if failures > _TOLERATED_FAILURES:
                raise WatchError(f"{error} The run goes on: {run.url}") from None
            answer = None
        if answer is not None:
            details = _by_name(answer, tasks)
            for line in _news(details, tasks, shown):
                show(line)
            for line in pending.news(answer, details, clock()):
                show(line)
            if answer.state in ENDED:
                failed = tuple(name for name, detail in details.items() if detail.state == "FAILED")
                return Ended(answer.state, failed, exit_code(answer.state, failed))
        if timeout_s is not None and clock() - started + poll_s > timeout_s:
            waits = ", ".join(pending.waits_for)
            raise WatchError(
                f"the run has not ended within {timeout_s:g} s"
                f"{f' (it waits for {waits})' if waits else ''}; it goes on: {run.url}"
            )
        sleep(poll_s)


def exit_code(state: str, failed: Sequence[str]) -> int:
    """What `bitpipe run` would have ended with."""
    if state == "SUCCEEDED":
        return exits.OK
    if state == "FAILED" and tuple(failed) == (GATE_TASK,):
        return exits.NOT_BLESSED
    return exits.FAILED


def verdict(ended: Ended, url: str) -> str:
    """How a run ended, for people."""
    if ended.exit_code == exits.OK:
        return "the model was pushed, or is already in service."
    if ended.exit_code == exits.NOT_BLESSED:
        return f"the model was not blessed and nothing was pushed: {url}"
    where = f" in {', '.join(ended.failed)}" if ended.failed else ""
    return f"the run {_WORDS[ended.state]}{where}: {url}"


class _Pending:
    """Tells which pods have been waiting for long, each once.

    Kubernetes does not give up on a pod that fits no node or whose image cannot be pulled, and no
    timeout counts before it runs.

    Attributes:
        waits_for: tasks that have begun and not ended, and whether their pods are pending.
    """

    def __init__(self, run_id: str, tasks: Sequence[str]) -> None:
        self.waits_for: list[str] = []
        self._run_id, self._tasks = run_id, tasks
        self._since: dict[tuple[str, Any], float] = {}
        self._told: set[tuple[str, Any]] = set()

    def news(self, run: Any, details: dict[str, Any], now: float) -> list[str]:
        """Lines for pods that have been pending for `_PATIENCE_S` seconds."""
        begun = [
            name for name in self._tasks if name in details and details[name].state == "RUNNING"
        ]
        listed = (run.run_details and run.run_details.task_details) or ()
        found = [(d.display_name or "", d.start_time) for d in listed if d.state == "PENDING"]
        if not listed:
            found = [_NOT_STARTED]
        self._since = {key: self._since.get(key, now) for key in found}
        # Kubeflow calls the pod of every task `executor`, and does not tell of which.
        owners = {
            key: key[0].removesuffix("-driver")
            if key[0].removesuffix("-driver") in self._tasks
            else " or ".join(begun) or "the run"
            for key in found
        }
        what = {
            key: "Kubeflow, which has started no task yet"
            if key == _NOT_STARTED
            else f"a node or an image for {owner}"
            for key, owner in owners.items()
        }
        waiting = set(owners.values())
        self.waits_for = [
            *sorted(set(what.values())),
            *(name for name in begun if name not in waiting),
        ]
        lines = []
        for key, since in self._since.items():
            if key not in self._told and now - since >= _PATIENCE_S:
                self._told.add(key)
                lines.append(
                    f". has waited {now - since:.0f} s for {what[key]}; why: kubectl describe "
                    f"pods,workflows --selector pipeline/runid={self._run_id}"
                )
        return lines


def _by_name(run: Any, tasks: Sequence[str]) -> dict[str, Any]:
    """Kubeflow lists all of Argo's nodes; kept are the tasks', and drivers that failed.

    A driver prepares a task's pod. Where it fails, the task itself does not appear.
    """
    found = {}
    for detail in (run.run_details and run.run_details.task_details) or ():
        name = detail.display_name or ""
        is_broken_driver = name.removesuffix("-driver") in tasks and detail.state == "FAILED"
        if name in tasks or is_broken_driver:
            found[name] = detail
    return found


def _news(details: dict[str, Any], tasks: Sequence[str], shown: dict[str, str]) -> list[str]:
    """Lines for tasks whose state is not the one in `shown`, which is brought up to date."""
    lines = []
    order = {name: place for place, name in enumerate(tasks)}
    for name in sorted(details, key=lambda name: order.get(name.removesuffix("-driver"), 0)):
        state = details[name].state
        if shown.get(name) == state or state not in ("RUNNING", *ENDED):
            continue
        shown[name] = state
        if state == "RUNNING":
            lines.append(f"> {name:<{_NAME_WIDTH}}  running")
        else:
            what = _WORDS.get(state) or _took(details[name])
            lines.append(f"{_MARKS[state]} {name:<{_NAME_WIDTH}} {what:>8}")
    return lines


def _took(detail: Any) -> str:
    start, end = detail.start_time, detail.end_time
    epoch = datetime.datetime(1971, 1, 1, tzinfo=datetime.timezone.utc)
    # Kubeflow writes 1970 where it has no time.
    if start is None or end is None or start < epoch or end < start:
        return "done"
    return f"{(end - start).total_seconds():.0f} s"
