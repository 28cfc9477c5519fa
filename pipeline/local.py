"""Runs the graph on this machine: Beam in this process, ML Metadata in SQLite, stage after stage.

What TFX's `LocalDagRunner` does, with an event before and after every stage.
"""

from __future__ import annotations

import datetime
from typing import Protocol

from tfx.dsl.compiler.constants import PIPELINE_RUN_ID_PARAMETER_NAME
from tfx.orchestration import metadata
from tfx.orchestration.portable import runtime_parameter_utils

from components import progress
from pipeline import dag, node
from pipeline.result import RunResult, collect
from pipeline.settings.config import Config
from pipeline.workspace import Workspace


class Listener(Protocol):
    """Is told how the run goes on, from the thread that runs it or from a worker's."""

    def started(self, stage: str) -> None:
        """A stage begins."""

    def advanced(self, stage: str, done: int, total: int, metrics: dict[str, float]) -> None:
        """A long stage did `done` of `total` units of its work."""

    def finished(self, stage: str, outcome: node.Outcome) -> None:
        """A stage ended well."""


def run(config: Config, workspace: Workspace, listener: Listener) -> RunResult:
    """Runs the whole pipeline.

    Raises:
        BitpipeError: the pictures or the configuration do not allow it.
        Exception: whatever else a stage raised.
    """
    connection = metadata.sqlite_metadata_connection_config(str(workspace.metadata))
    places = dag.Places(workspace.data, str(workspace.artifacts), str(workspace.serving))
    ir = dag.compile_ir(dag.build(config, places, connection))
    runtime_parameter_utils.substitute_runtime_parameter(
        ir,
        {PIPELINE_RUN_ID_PARAMETER_NAME: datetime.datetime.now(datetime.timezone.utc).isoformat()},
    )
    outcomes: dict[str, node.Outcome] = {}
    with progress.listen(listener.advanced):
        for entry in ir.nodes:
            stage = entry.pipeline_node.node_info.id
            listener.started(stage)
            outcomes[stage] = node.run(ir, entry.pipeline_node)
            listener.finished(stage, outcomes[stage])
    return collect(outcomes, connection, model_dir=f"{places.serving}/{config.name}")
