"""What runs of an output folder did, and what led to a version, without a framework."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bitpipe.errors import ConfigError
from bitpipe.model.layout import as_version
from pipeline import records, stages, workspace
from pipeline.records import Artifact, Execution, Run


class History:
    """All runs of an output folder.

    Args:
        out: folder that `bitpipe run --out` was given.

    Attributes:
        runs: the oldest first.
        artifacts: by id.

    Raises:
        ConfigError: it holds no runs, or the file cannot be read.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        place = workspace.Workspace(out.absolute(), "").metadata
        if not place.is_file():
            raise ConfigError(
                f"--out {out} holds no runs ({place.name} is missing). Name the folder that "
                "`bitpipe run --out` was given."
            )
        try:
            self.runs, self.artifacts = records.read(place)
        except sqlite3.Error as error:
            raise ConfigError(
                f"{place}, which knows what runs have made, cannot be read: {error}. Is it the "
                "file of a finished or running `bitpipe run`?"
            ) from error
        self._producers = {
            artifact: execution
            for run in reversed(self.runs)
            for execution in reversed(run.executions)
            if execution.state == "complete" and execution.stage != stages.RESOLVER
            for ids in execution.outputs.values()
            for artifact in ids
        }

    def run(self, wanted: str) -> Run:
        """The run of a number, or of a name, or the beginning of one; `latest` is the last one.

        Raises:
            ConfigError: there is none, or several names begin so.
        """
        if not self.runs:
            raise ConfigError(f"--out {self.out} holds no runs yet.")
        if wanted == "latest":
            return self.runs[-1]
        if wanted.isdecimal() and 0 < int(wanted) <= len(self.runs):
            return self.runs[int(wanted) - 1]
        found = [run for run in self.runs if run.name.startswith(wanted)]
        if len(found) == 1:
            return found[0]
        what = f"{len(found)} runs are called so" if found else "there is no such run"
        raise ConfigError(
            f"RUN must be a number from 1 to {len(self.runs)}, the beginning of one run's name, or "
            f"latest. Received: {wanted}; {what}."
        )

    def of_kind(self, execution: Execution | None, key: str) -> Artifact | None:
        """The output of an execution under a key."""
        ids = execution.outputs.get(key, ()) if execution else ()
        return self.artifacts.get(ids[0]) if ids else None

    def accuracy(self, run: Run) -> float | None:
        """Of the run's candidate."""
        return _property(self.of_kind(run.stage(stages.EVALUATOR), "blessing"), "accuracy")

    def outcome(self, run: Run) -> str:
        """What came of a run, in a few words."""
        for execution in run.executions:
            if execution.state == "failed":
                return f"failed in {execution.stage}"
        pushed = self.of_kind(run.stage(stages.PUSHER), "pushed_model")
        if pushed is None:
            last = run.executions[-1] if run.executions else None
            if last is not None and last.state in ("running", "interrupted"):
                return f"{last.state} in {last.stage}"
            return f"ended after {last.stage}" if last else "ended before the first stage"
        version = pushed.properties.get("pushed_version")
        for judge in (stages.EVALUATOR, stages.SERVING_CHECK):
            said = run.stage(judge)
            if said is None and judge == stages.SERVING_CHECK:  # switched off
                continue
            if _property(self.of_kind(said, "blessing"), "blessed") != 1:
                return "not blessed"
        if not version:
            return "not pushed"
        return f"pushed {version}" if pushed.properties.get("pushed") == 1 else f"same as {version}"

    def of_version(self, version: int) -> Run:
        """The run that pushed a version.

        Raises:
            ConfigError: none of them did.
        """
        for run in self.runs:
            pushed = self.of_kind(run.stage(stages.PUSHER), "pushed_model")
            number = as_version(str(_property(pushed, "pushed_version")))
            if number == version and _property(pushed, "pushed") == 1:
                return run
        raise ConfigError(f"No run of --out {self.out} has pushed version {version}.")

    def lineage(self, run: Run) -> list[Execution]:
        """All executions, of this run and earlier ones, whose outputs led to its model.

        Those that were taken from the cache are told as what had made their outputs then, the first
        one first.
        """
        found: dict[int, Execution] = {}
        ends = (stages.PUSHER, stages.CALIBRATOR, stages.TRAINER)
        waiting = [execution for stage in ends if (execution := run.stage(stage)) is not None]
        while waiting:
            execution = self.made_by(waiting.pop())
            if execution.id in found:
                continue
            found[execution.id] = execution
            # The baseline is what it was judged by, not what it was made from.
            ids = [
                artifact
                for key, ids in execution.inputs.items()
                if key != "baseline_model"
                for artifact in ids
            ]
            waiting += [
                self._producers[artifact] for artifact in ids if artifact in self._producers
            ]
        return [found[number] for number in sorted(found)]

    def differences(self, first: Run, second: Run) -> list[tuple[str, Any, Any]]:
        """Settings, pictures and code that differ.

        Returns:
            Stage and dotted key, and both values; None where there is none.
        """
        one, other = (self._settings(run) for run in (first, second))
        keys = dict.fromkeys([*one, *other])
        return [(k, one.get(k), other.get(k)) for k in keys if one.get(k) != other.get(k)]

    def _settings(self, run: Run) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for execution in run.executions:
            told |= dict(_leaves(execution.stage, self.made_by(execution).properties))
        return told

    def made_by(self, execution: Execution) -> Execution:
        """What made the outputs of an execution: itself, or what the cache had of it."""
        if execution.state != "cached":
            return execution
        ids = (artifact for ids in execution.outputs.values() for artifact in ids)
        return next(
            (self._producers[artifact] for artifact in ids if artifact in self._producers),
            execution,
        )


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from _leaves(f"{name}.{key}", part)
    else:
        yield name, value


def _property(artifact: Artifact | None, name: str) -> Any:
    return artifact.properties.get(name) if artifact else None


def states(executions: Iterable[Execution]) -> dict[str, int]:
    """State -> how many of the executions ended so."""
    counts: dict[str, int] = {}
    for execution in executions:
        counts[execution.state] = counts.get(execution.state, 0) + 1
    return counts
