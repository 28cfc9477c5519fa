"""The pipeline node between Trainer and Evaluator, where the gate's settings ask for one."""

from __future__ import annotations

import msgspec
from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.gate.calibration.executor import CALIBRATED, SETTINGS_KEY, Executor
from components.gate.settings import GateSettings


class CalibratorSpec(ComponentSpec):
    """What goes in and comes out."""

    PARAMETERS = {SETTINGS_KEY: ExecutionParameter(type=str)}  # noqa: RUF012  # as TFX's
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=standard_artifacts.Model),
        "examples": ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {CALIBRATED: ChannelParameter(type=standard_artifacts.Model)}  # noqa: RUF012


class Calibrator(base_component.BaseComponent):
    """Folds a temperature and the score below which a model answers `unknown` into its export.

    A stage of its own: the model must be final before the Evaluator judges it, and another
    threshold is no reason to train again. What it is fitted on is written beside the model, and
    the Evaluator leaves these pictures out.

    Args:
        model: the Trainer's.
        examples: with the split `eval`.
        gate: what is asked for.
    """

    SPEC_CLASS = CalibratorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self, *, model: types.BaseChannel, examples: types.BaseChannel, gate: GateSettings
    ) -> None:
        # The other settings are no reason to fit anew.
        asked = GateSettings(
            calibrate=gate.calibrate,
            reject_below=gate.reject_below,
            calibration_share=gate.calibration_share,
        )
        spec = CalibratorSpec(
            model=model,
            examples=examples,
            calibrated_model=types.Channel(type=standard_artifacts.Model),
            **{SETTINGS_KEY: msgspec.json.encode(asked).decode()},
        )
        super().__init__(spec=spec)
