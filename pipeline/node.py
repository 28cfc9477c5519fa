"""Runs one node of a compiled TFX pipeline through TFX's portable launcher and tells how it ended.

The launcher does driver, cache, executor and publisher. It returns normally even when inputs could
not be resolved, so the outcome is read back from ML Metadata instead of being assumed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher
from tfx.proto.orchestration import pipeline_pb2

from components.image_example_gen import seen
from pipeline import failures, outputs, weights_key

Execution = metadata_store_pb2.Execution


class StageError(Exception):
    """A stage ended neither complete nor cached nor skipped."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a node ended.

    Attributes:
        execution_id: the execution in ML Metadata; `None` when the node was skipped by a condition.
        cached: the outputs were taken from an earlier run with the same inputs.
        seconds: wall time, all of driver, executor and publisher.
    """

    execution_id: int | None
    cached: bool
    seconds: float


def run(pipeline: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode) -> Outcome:
    """Runs `node` of `pipeline`, whose runtime parameters have been substituted.

    Raises:
        StageError: the inputs could not be resolved, or the execution did not complete.
        Exception: whatever the node's executor raised.
    """
    node_id = node.node_info.id
    deployment = runner_utils.extract_local_deployment_config(pipeline)
    connection_config = getattr(
        deployment.metadata_connection_config,
        deployment.metadata_connection_config.WhichOneof("connection_config"),
    )
    executor = runner_utils.extract_executor_spec(deployment, node_id)
    started = time.monotonic()
    weights_key.add(node)
    with (
        outputs.whole_only(),
        seen.kept(),
        _failure_noted(pipeline, node, connection_config),
    ):
        info = launcher.Launcher(
            pipeline_node=node,
            mlmd_connection=metadata.Metadata(connection_config),
            pipeline_info=pipeline.pipeline_info,
            pipeline_runtime_spec=pipeline.runtime_spec,
            executor_spec=executor,
            custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node_id),
        ).launch()
    seconds = time.monotonic() - started

    execution_id = info.execution_id if info is not None else None
    if execution_id is None:
        return Outcome(None, cached=False, seconds=seconds)
    with metadata.Metadata(connection_config) as handle:
        (execution,) = handle.store.get_executions_by_id([execution_id])
    state = execution.last_known_state
    if state not in (Execution.COMPLETE, Execution.CACHED):
        raise StageError(
            f"{node_id} ended in state {Execution.State.Name(state)}: "
            "its inputs could not be resolved."
        )
    if executor is not None and state == Execution.COMPLETE:  # a Resolver's outputs are others'
        outputs.note(connection_config, execution_id)
    return Outcome(execution_id, cached=state == Execution.CACHED, seconds=seconds)


@contextlib.contextmanager
def _failure_noted(
    pipeline: pipeline_pb2.Pipeline,
    node: pipeline_pb2.PipelineNode,
    connection: metadata_store_pb2.ConnectionConfig,
) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        run_id = pipeline.runtime_spec.pipeline_run_id.field_value.string_value
        failures.note(connection, run_id, node.node_info.type.name, error)
        raise
