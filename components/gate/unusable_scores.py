"""A metric of TFMA: on how many pictures a model answers with scores that are not finite."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

NAME = "unusable_scores"


class UnusableScores(metric_types.Metric):
    """Counts pictures with a NaN or an infinity among their scores (B, classes).

    TFMA's own metrics either pass over such scores (accuracy takes the first NaN for the best), or
    cannot bear a label that the model does not know (cross-entropy).
    """

    def __init__(self, name: str = NAME) -> None:
        super().__init__(_computations, name=name)

    @property
    def compute_confidence_interval(self) -> bool:
        """None: a count that must be 0 has no uncertainty."""
        return False


metric_types.register_metric(UnusableScores)


def _computations(
    name: str = NAME,
    eval_config: config_pb2.EvalConfig | None = None,
    model_names: list[str] | None = None,
) -> metric_types.MetricComputations:
    return [
        metric_types.MetricComputation(
            keys=[key := metric_types.MetricKey(name=name, model_name=model_name)],
            preprocessors=None,
            combiner=_Count(key, eval_config),
        )
        for model_name in model_names or [""]
    ]


class _Count(beam.CombineFn):
    def __init__(
        self, key: metric_types.MetricKey, eval_config: config_pb2.EvalConfig | None
    ) -> None:
        super().__init__()
        self._key = key
        self._inputs = functools.partial(
            metric_util.to_label_prediction_example_weight,
            eval_config=eval_config,
            model_name=key.model_name,
            flatten=False,
            allow_none=True,
        )

    def create_accumulator(self) -> float:
        return 0.0

    def add_input(self, mutable_accumulator: float, element: Any) -> float:
        for _, scores, _ in self._inputs(element):
            mutable_accumulator += not np.isfinite(scores).all()
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[float]) -> float:
        return sum(accumulators)

    def extract_output(self, accumulator: float) -> dict[metric_types.MetricKey, float]:
        return {self._key: accumulator}
