"""The pipeline node that checks the pictures before anything is trained."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from tfx import types
from tfx.components.example_validator.component import ExampleValidator as TfxExampleValidator
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.data_checks.executor import CHECKS, Executor
from components.data_checks.references import FOLDER, REFERENCES, Driver
from components.data_checks.settings import CheckSettings


class ExampleValidatorSpec(standard_component_specs.ExampleValidatorSpec):
    """What TFX's reads and writes, and what the rules need beside it."""

    PARAMETERS: ClassVar = {
        **standard_component_specs.ExampleValidatorSpec.PARAMETERS,
        CHECKS: ExecutionParameter(type=str),
        FOLDER: ExecutionParameter(type=str),
        REFERENCES: ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar = {
        **standard_component_specs.ExampleValidatorSpec.INPUTS,
        standard_component_specs.EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples),
        standard_component_specs.HYPERPARAMETERS_KEY: ChannelParameter(
            type=standard_artifacts.HyperParameters
        ),
    }


class ExampleValidator(TfxExampleValidator):
    """TFX's ExampleValidator with the executor above."""

    SPEC_CLASS = ExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
    DRIVER_CLASS = Driver

    def __init__(
        self,
        *,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        examples: types.BaseChannel,
        hyperparameters: types.BaseChannel,
        checks: CheckSettings,
        folder: str,
    ) -> None:
        """Wires the node.

        Args:
            statistics: of StatisticsGen.
            schema: of SchemaGen.
            examples: of the ingest, with its counts.
            hyperparameters: of the HyperRule, which says the size that is served.
            checks: what the rules are told.
            folder: the versions of the model, of which one may be in service.
        """
        spec = ExampleValidatorSpec(
            statistics=statistics,
            schema=schema,
            examples=examples,
            hyperparameters=hyperparameters,
            exclude_splits="[]",
            anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
            **{CHECKS: msgspec.json.encode(checks).decode(), FOLDER: folder},
        )
        # TFX's own constructor knows its own specification alone.
        base_component.BaseComponent.__init__(self, spec=spec)
