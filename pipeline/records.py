"""What ML Metadata's SQLite file holds of runs, read with the standard library.

Its tables are those of schema version 10, as ml-metadata 1.16 writes them on lane stable;
only what is read here is relied on. The file is opened for reading alone: a run may be writing it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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


def read(place: Path) -> tuple[list[Run], dict[int, Artifact]]:
    """The runs in a file, the oldest first, and all artifacts by their ids.

    Raises:
        sqlite3.Error: it is no such file, or in use for long.
    """
    with contextlib.closing(_opened(place)) as database:
        return _runs(database), _artifacts(database)


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
