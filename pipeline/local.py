"""Runs the graph on this machine: Beam in this process, ML Metadata in SQLite, stage after stage.

What TFX's `LocalDagRunner` does, with an event before and after every stage.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
from typing import Any

from ml_metadata import errors as mlmd_errors
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler.constants import PIPELINE_RUN_ID_PARAMETER_NAME
from tfx.orchestration import metadata
from tfx.orchestration.portable import runtime_parameter_utils

from bitpipe import full_disk
from bitpipe.errors import BitpipeError
from components import progress
from components.gate import settings as gate
from pipeline import dag, damage, leftovers, node, stages, workspace
from pipeline.position import Position
from pipeline.report import facts, lineage, writing
from pipeline.result import (
    RunResult,
    collect,
    data_warnings,
    examples_by_class,
    ingest_report,
)
from pipeline.settings.config import Config


def run(
    config: Config, space: workspace.Workspace, position: Position, told: facts.Told
) -> RunResult:
    """Runs the whole pipeline.

    Args:
        config: of the run.
        space: its folder.
        position: is told how it goes on.
        told: what the report says of it besides.

    Raises:
        BitpipeError: the pictures or the configuration do not allow it.
        Exception: whatever else a stage raised.
    """
    ran = _run(config, space, position, last=None)
    return collect(
        ran.outcomes,
        ran.connection,
        model_dir=f"{space.serving}/{config.name}",
        report=_report(ran, space, position, told),
    )


def ingest(config: Config, space: workspace.Workspace, position: Position) -> dict[str, Any]:
    """Runs the first stage alone; the others find its outputs.

    Returns:
        See `pipeline.result.ingest_report`.

    Raises:
        BitpipeError: the pictures do not allow it.
        Exception: whatever else the stage raised.
    """
    ran = _run(config, space, position, last=stages.IMAGE_EXAMPLE_GEN)
    return ingest_report(ran.outcomes[stages.IMAGE_EXAMPLE_GEN], ran.connection)


@dataclasses.dataclass(frozen=True)
class _Ran:
    """How each stage ended, ML Metadata's connection, and the run's name in it."""

    outcomes: dict[str, node.Outcome]
    connection: metadata_store_pb2.ConnectionConfig
    run_id: str


def _run(
    config: Config, space: workspace.Workspace, position: Position, *, last: str | None
) -> _Ran:
    """Runs the stages, up to the `last` one."""
    connection = metadata.sqlite_metadata_connection_config(str(space.metadata))
    try:
        leftovers.clear(connection, space.artifacts)
    except mlmd_errors.StatusError as error:
        if full_disk.is_meant(error):
            raise
        raise workspace.damaged_metadata(space, str(error)) from error
    places = dag.Places(space.data, str(space.artifacts), space.serving)
    ir = dag.compile_ir(dag.build(config, places, connection))
    run_id = datetime.datetime.now(datetime.timezone.utc).isoformat()
    runtime_parameter_utils.substitute_runtime_parameter(
        ir, {PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
    )
    outcomes: dict[str, node.Outcome] = {}
    with progress.listen(position.advanced, position.kept, position.said):
        for entry in ir.nodes:
            stage = entry.pipeline_node.node_info.id
            position.started(stage)
            try:
                outcomes[stage] = node.run(ir, entry.pipeline_node)
            except BitpipeError:
                raise
            except Exception as error:
                if not full_disk.is_meant(error):
                    damage.require_readable(connection)
                raise
            position.finished(stage, outcomes[stage])
            if stage == stages.IMAGE_EXAMPLE_GEN:
                counts = examples_by_class(outcomes[stage], connection)
                position.ingested(counts)
                if last is None:  # all are to run
                    judging = [one.get("eval", 0) for one in counts.values()]
                    gate.check_pictures(config.gate, judging)
            if stage == stages.EXAMPLE_VALIDATOR:
                for sentence in data_warnings(outcomes[stage], connection):
                    position.warned(sentence)
            if stage == last:
                break
    return _Ran(outcomes, connection, run_id)


def _report(
    ran: _Ran, space: workspace.Workspace, position: Position, told: facts.Told
) -> str | None:
    """Writes the report; the model is judged and pushed, which no failure here may undo."""
    folder = space.reports / f"{datetime.datetime.now():%Y%m%d-%H%M%S}"
    try:
        with metadata.Metadata(ran.connection) as handle:
            found = lineage.find(handle.store, ran.run_id)
        return str(writing.write(folder, told, found))
    except Exception as error:
        logging.exception("the report could not be written")
        full = full_disk.explained(
            error, {space.out: f"--out {space.out}"}, "run the same command again: it writes it"
        )
        if full:
            position.said("report", str(full))
        return None
