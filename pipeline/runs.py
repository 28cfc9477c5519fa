"""What runs did, read from ML Metadata's SQLite file without TFX, TensorFlow or ML Metadata.

Its tables are those of schema version 10, which all releases since 1.0 write and TFX's lanes pin;
only what is read here is relied on. The file is opened for reading alone: a run may be writing it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bitpipe.errors import ConfigError
from bitpipe.model.layout import as_version
from pipeline import stages, workspace

# ml_metadata/proto/metadata_store.proto: Execution.State, Event.Type.
_STATES = {
    1: "running",  # NEW
    2: "running",
    3: "complete",
    4: "failed",
    5: "cached",
    6: "interrupted",  # CANCELED, which is what the next run makes of an execution that was killed
}
_INPUT, _OUTPUT = 3, 4
# Of Execution: how `pipeline.failures` calls it.
ERROR = "error"
# Whose time in the database is that of the next run.
_WITHOUT_TIME = frozenset({"interrupted", "running"})


@dataclasses.dataclass(frozen=True)
class Artifact:
    """A stage's output.

    Attributes:
        id: in ML Metadata.
        kind: name of its type.
        uri: where it is.
        properties: custom ones, by name.
    """

    id: int
    kind: str
    uri: str
    properties: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Execution:
    """A stage of a run.

    Attributes:
        id: in ML Metadata.
        stage: its node.
        state: `complete`, `cached`, `failed`, `interrupted` or `running`; a run that was killed
            seems to run until the next one begins.
        started: Unix seconds.
        seconds: wall time; None where it did not end by itself.
        properties: execution properties, by name; JSON is read.
        inputs: ids of artifacts, by key.
        outputs: the same.
        error: what it failed with.
    """

    id: int
    stage: str
    state: str
    started: float
    seconds: float | None
    properties: Mapping[str, Any]
    inputs: Mapping[str, Sequence[int]]
    outputs: Mapping[str, Sequence[int]]
    error: str | None


@dataclasses.dataclass(frozen=True)
class Run:
    """A run of the pipeline.

    Attributes:
        number: 1 for the first one in the file.
        name: its name in ML Metadata, the time at which it began.
        started: Unix seconds.
        executions: in the order in which they began.
    """

    number: int
    name: str
    started: float
    executions: tuple[Execution, ...]

    @property
    def seconds(self) -> float:
        """Wall time of its stages."""
        return sum(execution.seconds or 0.0 for execution in self.executions)

    def stage(self, name: str) -> Execution | None:
        """The last execution of a stage."""
        found = [execution for execution in self.executions if execution.stage == name]
        return found[-1] if found else None


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
            with contextlib.closing(_opened(place)) as database:
                self.artifacts = _artifacts(database)
                self.runs = _runs(database)
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
        blessing = self.of_kind(run.stage(stages.EVALUATOR), "blessing")
        if _property(blessing, "blessed") != 1:
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
        trainer, pusher = run.stage(stages.TRAINER), run.stage(stages.PUSHER)
        waiting = [execution for execution in (pusher, trainer) if execution is not None]
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


def _opened(place: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{place.as_uri()}?mode=ro", uri=True, timeout=10)


def _artifacts(database: sqlite3.Connection) -> dict[int, Artifact]:
    properties = _properties(database, "Artifact")
    rows = database.execute(
        "SELECT Artifact.id, Type.name, uri FROM Artifact JOIN Type ON Type.id = type_id"
    )
    return {
        number: Artifact(number, kind, uri or "", properties.get(number, {}))
        for number, kind, uri in rows
    }


def _properties(database: sqlite3.Connection, of: str) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    rows = database.execute(
        f"SELECT {of.lower()}_id, name, COALESCE(int_value, double_value, string_value, bool_value)"
        f" FROM {of}Property ORDER BY is_custom_property"
    )
    for number, name, value in rows:
        found[number][name] = value
    return found


def _runs(database: sqlite3.Connection) -> list[Run]:
    of_run: dict[int, list[Execution]] = defaultdict(list)
    executions = _executions(database)
    named: dict[int, tuple[str, int]] = {}
    rows = database.execute(
        "SELECT Context.id, Context.name, create_time_since_epoch FROM Context"
        " JOIN Type ON Type.id = type_id WHERE Type.name = 'pipeline_run'"
    )
    for number, name, created in rows:
        named[number] = (name, created)
    for context, execution in database.execute(
        "SELECT context_id, execution_id FROM Association ORDER BY execution_id"
    ):
        if context in named and execution in executions:
            of_run[context].append(executions[execution])
    return [
        Run(number, name, created / 1000, tuple(of_run[context]))
        for number, (context, (name, created)) in enumerate(sorted(named.items()), start=1)
    ]


def _executions(database: sqlite3.Connection) -> dict[int, Execution]:
    properties = _properties(database, "Execution")
    inputs: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    outputs: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    rows = database.execute(
        "SELECT execution_id, artifact_id, type, step_key FROM Event"
        " JOIN EventPath ON EventPath.event_id = Event.id WHERE step_key IS NOT NULL"
        " ORDER BY Event.id"
    )
    for execution, artifact, kind, key in rows:
        if kind == _INPUT:
            inputs[execution][key].append(artifact)
        elif kind == _OUTPUT:
            outputs[execution][key].append(artifact)
    found = {}
    rows = database.execute(
        "SELECT Execution.id, Type.name, last_known_state, create_time_since_epoch,"
        " last_update_time_since_epoch FROM Execution JOIN Type ON Type.id = type_id"
    )
    for number, kind, state, created, updated in rows:
        known = properties.get(number, {})
        named = _STATES.get(state, "unknown")
        found[number] = Execution(
            id=number,
            stage=kind.rpartition(".")[2],  # TFX names a node after its class
            state=named,
            started=created / 1000,
            seconds=None if named in _WITHOUT_TIME else (updated - created) / 1000,
            properties={
                name: _read(value)
                for name, value in known.items()
                if name != ERROR and not name.startswith("__")
            },
            inputs=dict(inputs.get(number, {})),
            outputs=dict(outputs.get(number, {})),
            error=known.get(ERROR),
        )
    return found


def _read(value: Any) -> Any:
    """What a property holds: TFX writes messages and settings as JSON."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(value)
    return value


def states(executions: Iterable[Execution]) -> dict[str, int]:
    """State -> how many of the executions ended so."""
    counts: dict[str, int] = {}
    for execution in executions:
        counts[execution.state] = counts.get(execution.state, 0) + 1
    return counts
