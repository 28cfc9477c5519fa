"""The pipeline node that judges a candidate."""

from __future__ import annotations

from typing import Any

import msgspec
from tfx.components.evaluator.component import Evaluator as TfxEvaluator
from tfx.dsl.components.base import executor_spec

from components.gate import evaluation
from components.gate.executor import GATE_KEY, Executor
from components.gate.settings import GateSettings


class Evaluator(TfxEvaluator):
    """TFX's Evaluator with the executor above.

    Args:
        gate: what the rules are told.
        arguments: of TFX's Evaluator.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, *, gate: GateSettings, **arguments: Any) -> None:
        super().__init__(eval_config=evaluation.eval_config(gate), **arguments)
        # Known to no constructor of TFX's; the compiler takes what is in the dictionary.
        self.spec.exec_properties[GATE_KEY] = msgspec.json.encode(gate).decode()
