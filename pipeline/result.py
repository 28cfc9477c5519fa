"""What a finished run has to say, read back from ML Metadata and the artifacts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from tfx import types
from tfx.orchestration import metadata
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.utils import path_utils

from components.data_checks import kept as kept_checks
from components.data_checks.results import Check as DataCheck
from components.gate import kept
from components.gate.calibration.executor import CALIBRATED
from components.gate.verdict import Check
from components.image_example_gen.outcomes import REJECTED_FILE, REPORT_FILE
from components.release import pusher
from components.serving_check import verdict as serving_check
from pipeline import device, stages
from pipeline.node import Outcome


class Stage(msgspec.Struct, frozen=True):
    """Wall time of a stage, and whether its outputs came from TFX's cache."""

    seconds: float
    cached: bool


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON object of `bitpipe run --json`.

    Attributes:
        accuracy: of the candidate on the evaluation split, 0 to 1.
        accuracy_by_class: the same for each class, which is its recall.
        accuracy_change: against the model that was in service, on the pictures of the classes that
            both know; `None` where it was judged alone.
        test_accuracy: of the candidate on a split `test` that the data bring; `None` without one.
        largest_class_share: the accuracy, on the same pictures, of always answering the class that
            most of them show.
        device: what this process computes on, in words.
        num_examples: pictures ingested, both splits together.
        splits: examples per split.
        classes: class names, sorted.
        judged: pictures of the evaluation split that the candidate was judged by.
        coverage: share of them that it answered with a class, 0 to 1; the others with `unknown`.
        precision: share of right answers among those with a class; `None` where there is none.
        examples_by_class: examples of each class per split.
        rejected: files that could not be read, each with a reason.
        duplicates: files whose picture another file already holds.
        left_out: files that became no example as they are duplicates or conflicts.
        near_duplicates: groups of pictures that look the same, each in one split.
        num_conflicts: groups of equal pictures with more than one label.
        conflicts: the files of such groups; of many, the first.
        blessed: gate and serving check let the candidate through.
        objections: what they said otherwise.
        checks: what came of each rule: required, measured, for which class, on how many pictures.
        notes: what the gate said besides.
        serving_check: how a server did with the candidate; `None` where none was asked.
        data_checks: what came of each rule about the pictures, before the training.
        pushed: this run wrote a new version.
        version: the version that holds the candidate, new or not; `None` where there is none,
            because it was not blessed, or is a model that somebody has rolled back from.
        remark: why a blessed candidate is not in service; `None` where it is.
        candidate: the SavedModel that was judged, blessed or not.
        model_dir: the folder a server watches for versions.
        tensorboard: the folder with the Trainer's curves.
        report: the page that tells all of it; `None` where it could not be written.
        stages: by name, in the order they ran.
    """

    accuracy: float
    accuracy_by_class: dict[str, float]
    accuracy_change: float | None
    largest_class_share: float
    device: str
    num_examples: int
    splits: dict[str, int]
    classes: list[str]
    judged: int
    coverage: float
    precision: float | None
    examples_by_class: dict[str, dict[str, int]]
    rejected: list[dict[str, str]]
    duplicates: int
    num_conflicts: int
    conflicts: list[list[str]]
    blessed: bool
    objections: list[str]
    checks: list[Check]
    notes: list[str]
    serving_check: serving_check.Said | None
    pushed: bool
    version: int | None
    remark: str | None
    candidate: str
    model_dir: str
    tensorboard: str
    report: str | None
    stages: dict[str, Stage]
    left_out: int = 0
    near_duplicates: int = 0
    test_accuracy: float | None = None
    data_checks: list[DataCheck] = []


def examples_by_class(ingest: Outcome, connection: Any) -> dict[str, dict[str, int]]:
    """Examples of each class per split, once ImageExampleGen has ended."""
    with metadata.Metadata(connection) as handle:
        examples = _output(handle, ingest, "examples").uri
    counts: dict[str, dict[str, int]] = _report(Path(examples))["classes"]
    return counts


def data_warnings(checked: Outcome, connection: Any) -> list[str]:
    """What speaks against the pictures, once ExampleValidator has ended."""
    with metadata.Metadata(connection) as handle:
        anomalies = _output(handle, checked, "anomalies").uri
    return [one.sentence for one in _data_checks(anomalies) if not one.passed]


def ingest_report(ingest: Outcome, connection: Any) -> dict[str, Any]:
    """What ImageExampleGen wrote of its pictures, once it has ended.

    Returns:
        The report of the ingest, with the rejected files and the folder of the examples.
    """
    with metadata.Metadata(connection) as handle:
        examples = Path(_output(handle, ingest, "examples").uri)
    return {
        **_report(examples),
        "rejected": _lines(examples / REJECTED_FILE),
        "examples": str(examples),
        "cached": ingest.cached,
        "seconds": round(ingest.seconds, 2),
    }


def collect(
    outcomes: Mapping[str, Outcome], connection: Any, *, model_dir: str, report: str | None
) -> RunResult:
    """Reads the result of the run whose nodes ended with `outcomes`."""
    with metadata.Metadata(connection) as handle:

        def output(node: str, key: str) -> types.Artifact:
            return _output(handle, outcomes[node], key)

        examples = Path(output(stages.IMAGE_EXAMPLE_GEN, "examples").uri)
        tensorboard = output(stages.TRAINER, "model_run").uri
        candidate = path_utils.serving_model_path(_judged_model(output, outcomes).uri)
        evaluated = output(stages.EVALUATOR, "evaluation").uri
        measured, said = kept.read_measured(evaluated), kept.read_verdict(evaluated)
        blessing = output(stages.EVALUATOR, "blessing")
        pushed = output(stages.PUSHER, "pushed_model")
        served = (
            serving_check.read(output(stages.SERVING_CHECK, "blessing").uri)
            if stages.SERVING_CHECK in outcomes
            else None
        )
        anomalies = output(stages.EXAMPLE_VALIDATOR, "anomalies").uri
    ingest = _report(examples)
    judged, compared = measured.candidate, measured.compared
    version = pushed.get_string_custom_property(pusher.VERSION)
    return RunResult(
        accuracy=judged.accuracy,
        accuracy_by_class=judged.recalls,
        accuracy_change=compared.candidate.accuracy - compared.baseline.accuracy
        if compared
        else None,
        test_accuracy=measured.test.accuracy if measured.test else None,
        largest_class_share=judged.largest_class[1] / judged.pictures,
        device=device.describe(),
        num_examples=ingest["num_examples"],
        splits=ingest["splits"],
        classes=sorted(judged.recalls),
        judged=judged.pictures,
        coverage=judged.coverage,
        precision=judged.precision,
        examples_by_class=ingest["classes"],
        rejected=_lines(examples / REJECTED_FILE),
        duplicates=ingest["duplicates"],
        left_out=ingest["left_out"],
        near_duplicates=ingest["near_duplicates"],
        data_checks=_data_checks(anomalies),
        num_conflicts=ingest["conflicting_duplicates"],
        conflicts=ingest["conflicts"],
        blessed=blessing.get_int_custom_property("blessed") == 1
        and (served is None or served.blessed),
        objections=[*said.objections, *(served.objections if served else ())],
        checks=list(said.checks),
        notes=list(said.notes),
        serving_check=served,
        pushed=pushed.get_int_custom_property(pusher.PUSHED) == 1,
        version=int(version) if version else None,
        remark=pushed.get_string_custom_property(pusher.REMARK) or None,
        candidate=candidate,
        model_dir=model_dir,
        tensorboard=tensorboard,
        report=report,
        stages={
            name: Stage(round(outcome.seconds, 2), outcome.cached)
            for name, outcome in outcomes.items()
        },
    )


def _judged_model(
    output: Callable[[str, str], types.Artifact], outcomes: Mapping[str, Outcome]
) -> types.Artifact:
    if stages.CALIBRATOR in outcomes:
        return output(stages.CALIBRATOR, CALIBRATED)
    return output(stages.TRAINER, "model")


def _output(handle: metadata.Metadata, outcome: Outcome, key: str) -> types.Artifact:
    return execution_lib.get_output_artifacts(handle, outcome.execution_id)[key][0]


def _data_checks(anomalies: str) -> list[DataCheck]:
    checked = kept_checks.read(anomalies)
    return list(checked.checks) if checked else []


def _report(examples: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((examples / REPORT_FILE).read_text(encoding="utf-8"))
    return report


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
