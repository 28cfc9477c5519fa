"""The last task of a run: fails, with exit code 3, where the model was not blessed or not pushed.

The stages themselves succeed then, as they should, and nothing was pushed; without this task a run
whose model nobody got would look on Kubeflow's page like one that went into service. Kubeflow drops
the summary of a task that fails: why a model was refused is in the Evaluator's. Imports neither TFX
nor TensorFlow.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from pathlib import Path

import click
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from bitpipe import exits
from bitpipe.errors import BitpipeError
from pipeline.kubeflow.task import mlmd

# What TFX's Evaluator and InfraValidator write.
_MODEL_BLESSING, _INFRA_BLESSING = "ModelBlessing", "InfraBlessing"
# What the Pusher writes, and its properties (components.release.pusher, which imports TFX).
_PUSHED_MODEL, MODEL_ID, REMARK = "PushedModel", "model_id", "remark"

_log = logging.getLogger("bitpipe")


class NoVerdictError(BitpipeError):
    """ML Metadata does not tell how the run's Evaluator judged."""


@click.command()
@click.option("--run-id", required=True)
@click.option("--summary", required=True, help="File for a summary in Markdown.")
@click.option("--metadata", default="", help="Address of ML Metadata.")
def main(run_id: str, summary: str, metadata: str) -> None:
    """Tells whether the run's model was blessed."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    try:
        verdict = of_run(metadata_store.MetadataStore(mlmd.connection(metadata)), run_id)
    except BitpipeError as error:
        _log.error("%s", error)
        sys.exit(error.exit_code)
    path = Path(summary)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# Gate\n\nThe model was {verdict.words}.\n", encoding="utf-8")
    _log.info("The model was %s.", verdict.words)
    if not verdict.good:
        sys.exit(exits.NOT_BLESSED)


@dataclasses.dataclass(frozen=True)
class RunVerdict:
    """Whether a run's model may be served, and what became of it."""

    good: bool
    words: str


def of_run(store: metadata_store.MetadataStore, run_id: str) -> RunVerdict:
    """What a run's Evaluator, its InfraValidator if it has one, and its Pusher said.

    Raises:
        NoVerdictError: the run, or its Evaluator's output, is not there.
    """
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    if context is None:
        raise NoVerdictError(f"ML Metadata has no run {run_id!r}: is it the one the stages used?")
    types = {kind.id: kind.name for kind in store.get_artifact_types()}
    newest: dict[str, metadata_store_pb2.Artifact] = {}
    for artifact in sorted(store.get_artifacts_by_context(context.id), key=lambda a: a.id):
        if artifact.state == metadata_store_pb2.Artifact.LIVE:
            newest[types[artifact.type_id]] = artifact
    if _MODEL_BLESSING not in newest:
        raise NoVerdictError(f"the run {run_id!r} has no verdict of the Evaluator.")
    verdicts = [newest[kind] for kind in (_MODEL_BLESSING, _INFRA_BLESSING) if kind in newest]
    if any(verdict.custom_properties["blessed"].int_value != 1 for verdict in verdicts):
        return RunVerdict(False, "not blessed and nothing was pushed")
    pushed = newest.get(_PUSHED_MODEL, metadata_store_pb2.Artifact()).custom_properties
    remark = pushed[REMARK].string_value if REMARK in pushed else ""
    if remark and not pushed[MODEL_ID].int_value:
        return RunVerdict(False, f"blessed and not pushed: {remark}")
    return RunVerdict(True, f"blessed{f'; {remark}' if remark else ''}")


if __name__ == "__main__":
    main()
