"""Finds TFX's anomalies, judges the pictures by the rules, and ends a run that must not go on."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from typing import Any

import msgspec
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.example_validator import executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs

from bitpipe.errors import DataError
from components import features
from components.data_checks import kept, rules
from components.data_checks.references import (
    EXAMPLES_ID,
    FOLDER,
    MODEL_FOLDER,
    REFERENCES,
    References,
    read_report,
)
from components.data_checks.results import Checked
from components.data_checks.settings import CheckSettings

# Execution property: JSON of `CheckSettings`.
CHECKS = "checks"

# The file that the HyperRule writes for TFX's Trainer.
_HYPERPARAMETERS_FILE = "best_hyperparameters.txt"
# These differ in every example, also where a small split makes TFDV take them for categories.
_NAMES = frozenset({features.FILENAME, features.SHA256})


class Executor(executor.Executor):
    """TFX's ExampleValidator, and what its anomalies and the ingest's counts mean for a run."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Fills `anomalies`, with `results.FILE` beside TFX's files.

        Raises:
            DataError: a rule whose severity is `fail` is broken.
        """
        super().Do(input_dict, output_dict, exec_properties)
        anomalies = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.ANOMALIES_KEY]
        )
        examples = artifact_utils.get_single_instance(
            input_dict[standard_component_specs.EXAMPLES_KEY]
        )
        hyperparameters = artifact_utils.get_single_uri(
            input_dict[standard_component_specs.HYPERPARAMETERS_KEY]
        )
        references = msgspec.json.decode(exec_properties.get(REFERENCES) or "{}", type=References)
        facts = gather(
            read_report(examples.uri),
            size=_size(hyperparameters),
            references=references,
            anomalies=tuple(_sentences(anomalies)),
        )
        settings = msgspec.json.decode(exec_properties[CHECKS], type=CheckSettings)
        checks = rules.checks(facts, settings)
        if broken := [one for one in checks if one.severity == "fail" and not one.passed]:
            raise DataError(
                f"The pictures break {' and '.join(dict.fromkeys(one.rule for one in broken))}: "
                f"{'; '.join(one.sentence for one in broken)}; or let it pass with the severity "
                "warn."
            )
        kept.write(anomalies.uri, Checked(checks=tuple(checks), classes=facts.pictures))
        anomalies.set_int_custom_property(EXAMPLES_ID, examples.id)
        anomalies.set_string_custom_property(MODEL_FOLDER, exec_properties[FOLDER])


def gather(
    report: dict[str, Any], *, size: int, references: References, anomalies: tuple[str, ...] = ()
) -> rules.Facts:
    """What the rules judge by.

    Args:
        report: the content of `ingest.json`.
        size: as of `rules.Facts`, like all that follows.
        references: of the driver.
        anomalies: sentences.
    """
    look = report.get("appearance", {})
    return rules.Facts(
        classes=report["classes"],
        shorter_sides=dict(look.get("shorter_sides", ())),
        sizes={
            name: {(width, height): count for width, height, count in sizes}
            for name, sizes in look.get("sizes", {}).items()
        },
        single_colour=look.get("single_colour", 0),
        of_one_colour=look.get("of_one_colour", ()),
        size=size,
        served=references.served,
        before=references.before,
        anomalies=anomalies,
    )


def _size(hyperparameters: str) -> int:
    with fileio.open(posixpath.join(hyperparameters, _HYPERPARAMETERS_FILE)) as file:
        return int(json.loads(file.read())["rule"]["eval_size"])


def _sentences(artifact: types.Artifact) -> Iterator[str]:
    for split in artifact_utils.decode_split_names(artifact.split_names):
        folder = artifact_utils.get_split_uri([artifact], split)
        with fileio.open(posixpath.join(folder, executor.DEFAULT_FILE_NAME), "rb") as file:
            found = anomalies_pb2.Anomalies.FromString(file.read())
        yield from anomalies_of(split, found)


def anomalies_of(split: str, found: anomalies_pb2.Anomalies) -> Iterator[str]:
    """A sentence for each anomaly of a split that means something here."""
    if found.HasField("dataset_anomaly_info"):
        yield f"the split {split}: {_told(found.dataset_anomaly_info)}"
    for name in sorted(found.anomaly_info):
        if name not in _NAMES:
            what = "classes" if name == features.LABEL else f"feature {name}"
            yield (
                f"the {what} of the split {split} are not as in training: "
                f"{_told(found.anomaly_info[name])}"
            )


def _told(info: anomalies_pb2.AnomalyInfo) -> str:
    return " ".join((info.description or info.short_description).split()).rstrip(".")
