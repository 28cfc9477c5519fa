"""What ML Metadata knows of a run: its stages, and where their outputs are."""

from __future__ import annotations

import dataclasses
import datetime

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from bitpipe.errors import BitpipeError
from components.release import pusher
from pipeline import stages
from pipeline.report.facts import Sources, StageTime

_Execution = metadata_store_pb2.Execution
# Which stage's output of which type a report wants.
_WANTED = {
    "evaluation": (stages.EVALUATOR, "ModelEvaluation"),
    "examples": (stages.IMAGE_EXAMPLE_GEN, "Examples"),
    "statistics": ("StatisticsGen", "ExampleStatistics"),
    "anomalies": (stages.EXAMPLE_VALIDATOR, "ExampleAnomalies"),
    "hyperparameters": ("HyperRule", "HyperParameters"),
    "model": (stages.TRAINER, "Model"),
    "model_run": (stages.TRAINER, "ModelRun"),
}
# Of a model whose numbers were set behind the Trainer, that one is judged.
_CALIBRATED = (stages.CALIBRATOR, "Model")


class NoRunError(BitpipeError):
    """ML Metadata does not know the run, or not all of it."""


@dataclasses.dataclass(frozen=True)
class Lineage:
    """A run that came as far as its verdict.

    Attributes:
        started: when its first stage began, in words.
        stages: in the order they ran.
        sources: the outputs.
        pushed: the version that was pushed, or that serves the same model already.
    """

    started: str
    stages: tuple[StageTime, ...]
    sources: Sources
    pushed: str | None


def find(store: metadata_store.MetadataStore, run_id: str) -> Lineage:
    """Looks a run up.

    Raises:
        NoRunError: it is not there, or has no verdict.
    """
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    if context is None:
        raise NoRunError(f"ML Metadata has no run {run_id!r}: is it the one the stages used?")
    kinds = {kind.id: kind.name for kind in store.get_execution_types()}
    types = {kind.id: kind.name for kind in store.get_artifact_types()}
    executions = {
        one.id: one
        for one in store.get_executions_by_context(context.id)
        if one.last_known_state in (_Execution.COMPLETE, _Execution.CACHED)
    }
    names = {key: kinds[one.type_id].rpartition(".")[2] for key, one in executions.items()}
    events = [
        event
        for event in store.get_events_by_execution_ids(list(executions))
        if event.type == metadata_store_pb2.Event.OUTPUT
    ]
    artifacts = {
        one.id: one for one in store.get_artifacts_by_id([event.artifact_id for event in events])
    }
    outputs = {
        (names[event.execution_id], types[artifacts[event.artifact_id].type_id]): artifacts[
            event.artifact_id
        ]
        for event in sorted(events, key=lambda event: event.artifact_id)
    }
    missing = [
        " of ".join(reversed(wanted)) for wanted in _WANTED.values() if wanted not in outputs
    ]
    if missing:
        raise NoRunError(f"the run {run_id!r} has no {', '.join(missing)}.")
    checked = outputs.get((stages.SERVING_CHECK, "InfraBlessing"))
    wanted = _WANTED | ({"model": _CALIBRATED} if _CALIBRATED in outputs else {})
    in_order = sorted(executions.values(), key=lambda one: one.id)
    pushed = outputs.get((stages.PUSHER, "PushedModel"))
    version = pushed.custom_properties[pusher.VERSION].string_value if pushed else ""
    return Lineage(
        started=_moment(in_order[0].create_time_since_epoch),
        stages=tuple(
            StageTime(
                names[one.id],
                (one.last_update_time_since_epoch - one.create_time_since_epoch) / 1000,
                one.last_known_state == _Execution.CACHED,
            )
            for one in in_order
        ),
        sources=Sources(
            **{name: outputs[kind].uri for name, kind in wanted.items()},
            serving_check=checked.uri if checked else None,
        ),
        pushed=version or None,
    )


def _moment(milliseconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
