"""The pipeline node that judges a candidate."""

from __future__ import annotations

from typing import Any

import msgspec
from tfx.components.evaluator.component import Evaluator as TfxEvaluator
from tfx.dsl.components.base import executor_spec
from tfx.orchestration.data_types import RuntimeParameter

from components.gate import evaluation
from components.gate.executor import GATE_KEY, GATE_OF_RUN_KEY, Executor
from components.gate.settings import GateSettings


class Evaluator(TfxEvaluator):
    """TFX's Evaluator with the executor above.

    Args:
        gate: what the rules are told.
        gate_of_run: JSON of the settings that a run brings in place of these; `None` for none.
        arguments: of TFX's Evaluator.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        *,
        gate: GateSettings,
        gate_of_run: RuntimeParameter | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(eval_config=evaluation.eval_config(), **arguments)
        # Known to no constructor of TFX's; the compiler takes what is in the dictionary.
        self.spec.exec_properties[GATE_KEY] = msgspec.json.encode(gate).decode()
        if gate_of_run is not None:
            self.spec.exec_properties[GATE_OF_RUN_KEY] = gate_of_run
