"""The gate: what TFMA measures, what blesses a model, and why one was not blessed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from tensorflow_model_analysis.proto import (
    config_pb2,
    metrics_for_slice_pb2,
    validation_result_pb2,
)

from bitpipe.model import signature
from components import features, preprocessing
from components.gate import unusable_scores
from components.gate.settings import GateSettings

ACCURACY = "sparse_categorical_accuracy"
EXAMPLE_COUNT = "example_count"

# Change thresholds compare floating-point means; a candidate equal to its baseline must pass.
_ROUNDING = 1e-9


def eval_config(gate: GateSettings) -> config_pb2.EvalConfig:
    """TFMA's configuration for the gate.

    The whole evaluation split must reach `min_accuracy` and lose no more than `max_drop` against
    the baseline (TFMA ignores that threshold where there is none); each class is measured, and
    judged where `min_class_accuracy` is set. Models are fed raw pictures through their production
    signature.
    """
    config = text_format.Parse(
        f"""
        slicing_specs {{}}
        slicing_specs {{ feature_keys: "{features.LABEL}" }}
        metrics_specs {{
          metrics {{ class_name: "ExampleCount" }}
          metrics {{ class_name: "SparseCategoricalAccuracy" }}
          metrics {{ class_name: "UnusableScores" module: "{unusable_scores.__name__}" }}
        }}
        """,
        config_pb2.EvalConfig(),
    )
    for name, is_baseline in (("candidate", False), ("baseline", True)):
        config.model_specs.add(
            name=name,
            is_baseline=is_baseline,
            signature_name=signature.SERVING,
            prediction_key=signature.SCORES,
            label_key=preprocessing.LABEL,
            preprocessing_function_names=[signature.TRANSFORM_FEATURES],
        )
    accuracy = config.metrics_specs[0].metrics[1]
    overall = accuracy.per_slice_thresholds.add()
    overall.slicing_specs.add()
    overall.threshold.value_threshold.lower_bound.value = gate.min_accuracy
    overall.threshold.change_threshold.direction = config_pb2.MetricDirection.HIGHER_IS_BETTER
    overall.threshold.change_threshold.absolute.value = -gate.max_drop - _ROUNDING
    if gate.min_class_accuracy is not None:
        per_class = accuracy.per_slice_thresholds.add()
        per_class.slicing_specs.add(feature_keys=[features.LABEL])
        per_class.threshold.value_threshold.lower_bound.value = gate.min_class_accuracy
    return config


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What the Evaluator found.

    Attributes:
        accuracy: share of the evaluation examples whose top label is right, 0 to 1.
        unusable: pictures on which a score is not a finite number.
        num_examples: size of the evaluation split.
        by_class: accuracy per class, 0 to 1.
        counts: evaluation pictures per class.
        change: accuracy minus the baseline's; `None` without a baseline.
        objections: one sentence for each threshold of TFMA that was missed.
    """

    accuracy: float
    unusable: int
    num_examples: int
    by_class: dict[str, float]
    counts: dict[str, int]
    change: float | None
    objections: tuple[str, ...]


def read(uri: str) -> Evaluation:
    """Reads the Evaluator's `evaluation` artifact at `uri`."""
    return summarise(tfma.load_metrics(uri), tfma.load_validation_result(uri))


def summarise(
    metrics: Iterable[metrics_for_slice_pb2.MetricsForSlice],
    validation: validation_result_pb2.ValidationResult,
) -> Evaluation:
    """Picks the gate's numbers and reasons out of what TFMA wrote."""
    overall: dict[str, float] = {}
    change: float | None = None
    by_class: dict[str, float] = {}
    counts: dict[str, int] = {}
    for record in metrics:
        classes = [key.bytes_value.decode() for key in record.slice_key.single_slice_keys]
        for metric in record.metric_keys_and_values:
            value = metric.value.double_value.value
            if metric.key.is_diff:
                if metric.key.name == ACCURACY and not classes:
                    change = value
            elif metric.key.model_name in ("", "candidate"):
                if not classes:
                    overall[metric.key.name] = value
                elif metric.key.name == ACCURACY:
                    by_class[classes[0]] = value
                elif metric.key.name == EXAMPLE_COUNT:
                    counts[classes[0]] = int(value)
    return Evaluation(
        accuracy=overall[ACCURACY],
        unusable=int(overall[unusable_scores.NAME]),
        num_examples=int(overall[EXAMPLE_COUNT]),
        by_class=dict(sorted(by_class.items())),
        counts=dict(sorted(counts.items())),
        change=change,
        objections=tuple(_objections(validation)),
    )


def _objections(result: validation_result_pb2.ValidationResult) -> Iterable[str]:
    if result.validation_ok:
        return
    for slice_result in result.metric_validations_per_slice:
        names = [key.bytes_value.decode() for key in slice_result.slice_key.single_slice_keys]
        what = f"accuracy of class {names[0]!r}" if names else "accuracy"
        for failure in slice_result.failures:
            value = failure.metric_value.double_value.value
            threshold = failure.metric_threshold
            if failure.metric_key.is_diff:
                allowed = -threshold.change_threshold.absolute.value
                yield (
                    f"{what} is {-value:.4f} below the model in service, "
                    f"{max(allowed, 0.0):.4f} is allowed (gate.max_drop)"
                )
            else:
                floor = threshold.value_threshold.lower_bound.value
                setting = "gate.min_class_accuracy" if names else "gate.min_accuracy"
                yield f"{what} {value:.4f} is below the floor {floor:.4f} ({setting})"
    if result.missing_slices or result.missing_cross_slices:
        yield "a slice that the gate judges has no examples in the evaluation split"
