"""The pipeline node that asks the server which will serve a candidate."""

from __future__ import annotations

import msgspec
from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.serving_check.executor import MODEL_RUN_KEY, SETTINGS_KEY, Executor
from components.serving_check.settings import ServingCheckSettings


class ServingCheckSpec(ComponentSpec):
    """Inputs and output of TFX's InfraValidator, and what the Trainer wrote down."""

    PARAMETERS = {SETTINGS_KEY: ExecutionParameter(type=str)}  # noqa: RUF012  # as TFX declares
    INPUTS = {  # noqa: RUF012
        standard_component_specs.MODEL_KEY: ChannelParameter(type=standard_artifacts.Model),
        standard_component_specs.EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples),
        MODEL_RUN_KEY: ChannelParameter(type=standard_artifacts.ModelRun),
    }
    OUTPUTS = {  # noqa: RUF012
        standard_component_specs.BLESSING_KEY: ChannelParameter(
            type=standard_artifacts.InfraBlessing
        ),
    }


class ServingCheck(base_component.BaseComponent):
    """Stands where TFX's InfraValidator would.

    Args:
        model: the candidate.
        examples: whose evaluation split is sent.
        model_run: the Trainer's, with its own answers.
        settings: which server, and what is wanted of it.
    """

    SPEC_CLASS = ServingCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        model_run: types.BaseChannel,
        settings: ServingCheckSettings,
    ) -> None:
        spec = ServingCheckSpec(
            model=model,
            examples=examples,
            model_run=model_run,
            serving_check=msgspec.json.encode(settings).decode(),
            blessing=types.Channel(type=standard_artifacts.InfraBlessing),
        )
        super().__init__(spec=spec)
