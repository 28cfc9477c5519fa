"""The HyperRule stage: facts of the data set -> hyperparameters, visible in the lineage.

Facts come from StatisticsGen's output, so they are those of the very examples the Trainer will
read.
"""

# No `from __future__ import annotations`: TFX's @component reads the annotations as objects.
import dataclasses
import json
import math
import posixpath
import re
from typing import TypedDict

import msgspec
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types.standard_artifacts import ExampleStatistics, HyperParameters

from bitpipe.errors import ConfigError, DataError
from components import features
from components.bit import hyperrule
from components.settings import LARGEST_INT, TrainSettings
from components.training.selection import num_held_out

# The file that TFX's Trainer looks for in a HyperParameters artifact.
FILE_NAME = "best_hyperparameters.txt"


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the rule needs to know of the training split.

    Attributes:
        num_examples: number of training examples.
        image_area: median area of the pictures, pixels.
        num_classes: number of different labels.
        class_counts: examples of each class, of the 1,000 largest; empty where nobody has counted.
    """

    num_examples: int
    image_area: float
    num_classes: int
    class_counts: tuple[int, ...] = ()

    def of_classes(self) -> list[float]:
        """Examples of each class; of those that were not counted, as many as is likely."""
        counted: list[float] = list(self.class_counts[: self.num_classes])
        others = self.num_classes - len(counted)
        rest = max(self.num_examples - sum(counted), others)
        return counted + [rest / max(others, 1)] * others


def read_facts(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> Facts:
    """Takes the facts out of StatisticsGen's output for one split.

    Raises:
        DataError: there are no examples, or `area` or `label` is missing.
    """
    (dataset,) = statistics.datasets
    by_name = {feature.path.step[0]: feature for feature in dataset.features}
    if not dataset.num_examples or not {features.AREA, features.LABEL} <= by_name.keys():
        raise DataError(
            "the statistics of the training split must hold examples with area and label. "
            f"Received: {dataset.num_examples} examples with {sorted(by_name)}."
        )
    labels = by_name[features.LABEL].string_stats
    return Facts(
        num_examples=int(dataset.num_examples),
        image_area=by_name[features.AREA].num_stats.median,
        num_classes=int(labels.unique),
        class_counts=tuple(int(one.sample_count) for one in labels.rank_histogram.buckets),
    )


def decide(facts: Facts, settings: TrainSettings) -> hyperrule.HyperRule:
    """The rule for these facts, the user's overrides applied.

    Raises:
        ConfigError: an override contradicts the rule (a crop larger than the rule's resize, say).
    """
    num_examples = facts.num_examples
    if settings.examples_per_class is not None:
        num_examples = round(sum(_drawn(facts, settings)))
    rule = hyperrule.for_dataset(num_examples, facts.image_area, batch_size=settings.batch_size)
    overrides = settings.hyperrule_overrides()
    if settings.epochs is not None:
        overrides["steps"] = _steps(settings.epochs, facts, settings)
    try:
        return rule.with_overrides(**overrides)
    except ValueError as error:
        raise ConfigError(_as_settings(str(error))) from error


def _drawn(facts: Facts, settings: TrainSettings) -> list[float]:
    """Examples of each class after a few-shot draw, which takes all of a class that has fewer."""
    most = settings.examples_per_class
    return [count if most is None else min(count, most) for count in facts.of_classes()]


def _steps(epochs: float, facts: Facts, settings: TrainSettings) -> int:
    """Steps that show each picture `epochs` times, the held-out ones not counted."""
    drawn = _drawn(facts, settings)
    num_examples = sum(drawn)
    if settings.keep_best:
        num_examples -= sum(num_held_out(count, settings.held_out_share) for count in drawn)
    steps = epochs * num_examples / settings.batch_size
    if steps > LARGEST_INT:
        raise ConfigError(
            f"train.epochs must not mean more than {LARGEST_INT:,} steps. Received: {epochs:g} "
            f"passes over {round(num_examples):,} pictures; lower it."
        )
    return max(1, math.ceil(steps))


def _as_settings(sentence: str) -> str:
    """The rule's own names of its fields as the settings that replace them."""
    fields = "|".join(field.name for field in dataclasses.fields(hyperrule.HyperRule))
    return re.sub(rf"(?<![\w.-])({fields})\b", r"train.\1", sentence)


class TransformConfig(TypedDict):
    """Output beside the artifacts: JSON of the `custom_config` for the Transform stage."""

    transform_config: str


@component
def HyperRule(
    statistics: InputArtifact[ExampleStatistics],
    hyperparameters: OutputArtifact[HyperParameters],
    settings: Parameter[str],
    steps: Parameter[int] = 0,
    longest_side: Parameter[int] = 0,
) -> TransformConfig:
    """Writes the hyperparameters for the Trainer and the picture sizes for the Transform.

    `settings` is a JSON object of `components.settings.TrainSettings`, whose `steps` a run can
    replace by `steps`, if it is not 0. What the ingest scaled down to `longest_side` the Transform
    scales down as well, where others send it. The Trainer's artifact holds
    the rule's values, the facts they came from and the names that the user overrode.
    """
    path = posixpath.join(statistics.uri, "Split-train", "FeatureStats.pb")
    with fileio.open(path, "rb") as file:
        facts = read_facts(statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read()))
    train = msgspec.json.decode(settings, type=TrainSettings)
    if steps:
        train = msgspec.structs.replace(train, steps=steps, epochs=None)
    rule = decide(facts, train)
    decision = {
        "rule": dataclasses.asdict(rule),
        "facts": dataclasses.asdict(facts),
        "overridden": sorted(
            {*train.hyperrule_overrides(), *(["steps"] if train.epochs is not None else [])}
        ),
    }
    fileio.makedirs(hyperparameters.uri)
    with fileio.open(posixpath.join(hyperparameters.uri, FILE_NAME), "w") as file:
        file.write(json.dumps(decision, indent=2))
    sizes = {
        "resize": rule.resize,
        "eval_size": rule.eval_size,
        "longest_side": longest_side,
    }
    return {"transform_config": json.dumps(sizes)}
