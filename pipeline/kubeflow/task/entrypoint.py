"""What a task's container runs: one node of the graph, then a summary for Kubeflow's page.

`python -m pipeline.kubeflow.task.entrypoint`, with arguments that compile/compiler.py wrote.
Exit codes: 0 complete, cached or skipped; 2 what a user can put right; 130 or 143 ended by a
signal; 1 anything else.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bitpipe import frameworks, full_disk
from bitpipe.errors import BitpipeError, ConfigError
from components import progress
from pipeline import stage_code
from pipeline.kubeflow import parameters
from pipeline.kubeflow.task import imports

if TYPE_CHECKING:
    from tfx.proto.orchestration import pipeline_pb2

    from pipeline.kubeflow.task.mlmd import Connection
    from pipeline.node import Outcome

# Progress goes to the log, where a line every so often is enough.
_SECONDS_BETWEEN_LINES = 15.0

_GOES_ON = "run the pipeline again: finished tasks come from the cache"

_EVALUATOR = "components.gate.component."

_log = logging.getLogger("bitpipe")


@click.command()
@click.option("--node", required=True, help="What pipeline.kubeflow.compile.ir packed.")
@click.option("--sha256", required=True)
@click.option("--tfx", required=True, help="Version that compiled the pipeline.")
@click.option("--code", required=True, help="What pipeline.stage_code.digests said of the node.")
@click.option("--run-id", required=True)
@click.option("--summary", required=True, help="File for a summary in Markdown.")
@click.option("--metadata", default="", help="Address of ML Metadata.")
@click.option("--param", "params", multiple=True, metavar="NAME=TYPE:VALUE")
def main(
    node: str,
    sha256: str,
    tfx: str,
    code: str,
    run_id: str,
    summary: str,
    metadata: str,
    params: tuple[str, ...],
) -> None:
    """Runs one node of the graph."""
    from pipeline import interruption

    # A container's first process is not ended by a signal that it does not handle.
    with interruption.ends_process():
        started = time.monotonic()
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
        frameworks.log_warnings()
        try:
            stage_code.require_same(code)
            _refuse_unresolved([run_id, summary, *params])
            imports.defer_components()
            part, connection = prepare(node, sha256, tfx, run_id, metadata, params)
            if part.nodes[0].pipeline_node.node_info.type.name.startswith(_EVALUATOR):
                imports.load_components()
            from pipeline import node as runner

            _log.info("Ready after %.1f s.", time.monotonic() - started)
            with progress.listen(_Lines()):
                outcome = runner.run(part, part.nodes[0].pipeline_node)
            _write_summary(summary, part, connection, outcome)
        except BitpipeError as error:
            _log.error("%s", error)
            sys.exit(error.exit_code)
        except Exception as error:
            # A pod's own files lie on its node's disk.
            own = Path(tempfile.gettempdir())
            full = full_disk.is_meant(error) and full_disk.explained(
                error, {own: f"the task's node, {own}"}, _GOES_ON
            )
            if not full:
                raise
            _log.error("%s", full)
            sys.exit(full.exit_code)


def prepare(
    packed: str, sha256: str, tfx: str, run_id: str, metadata: str, params: tuple[str, ...]
) -> tuple[pipeline_pb2.Pipeline, Connection]:
    """The pipeline of one node, ready to run, and where ML Metadata is.

    Raises:
        ConfigError: the arguments do not fit this image or one another.
    """
    from tfx import version
    from tfx.dsl.compiler.constants import PIPELINE_RUN_ID_PARAMETER_NAME
    from tfx.orchestration.portable import runtime_parameter_utils
    from tfx.proto.orchestration import pipeline_pb2

    from pipeline.kubeflow.compile import ir
    from pipeline.kubeflow.task import mlmd

    if tfx != version.__version__:
        raise ConfigError(
            f"the pipeline was compiled with TFX {tfx}, this image has {version.__version__}; "
            "compile it with the version of kubeflow.image."
        )
    part = ir.unpack(packed, sha256)
    bound = parameters.bindings(dict(_parsed(param) for param in params))
    runtime_parameter_utils.substitute_runtime_parameter(
        part, {**bound, PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
    )
    missing = ir.runtime_parameters(part)
    if missing:
        raise ConfigError(
            f"the run gives no value for {', '.join(sorted(missing))}; compile the pipeline again."
        )
    connection = mlmd.connection(metadata)
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    part.deployment_config.Unpack(deployment)
    deployment.metadata_connection_config.Pack(connection)
    part.deployment_config.Pack(deployment)
    return part, connection


def _parsed(param: str) -> tuple[str, str | int | float]:
    name, _, rest = param.partition("=")
    kind, _, text = rest.partition(":")
    return name, parameters.parse(kind, text)


def _refuse_unresolved(arguments: list[str]) -> None:
    for argument in arguments:
        if "{{" in argument:
            raise ConfigError(
                f"Kubeflow left {argument!r} as it was: its backend is older than the pipeline "
                "needs (see minimum_backend in the manifest)."
            )


class _Lines:
    """Writes progress as lines, not too many of them."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, stage: str, done: int, total: int, metrics: dict[str, float]) -> None:
        now = time.monotonic()
        if done < total and now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        shown = "".join(f", {name} {value:.4g}" for name, value in metrics.items())
        _log.info("%s: %d of %d%s", stage, done, total, shown)


def _write_summary(
    path: str, part: pipeline_pb2.Pipeline, connection: Connection, outcome: Outcome
) -> None:
    from pipeline.kubeflow.task import summary

    summary.write(path, summary.describe(part, connection, outcome))


if __name__ == "__main__":
    main()
