"""What TFX's Evaluator calls; a module of its own, because TFX loads it anew at each run."""

from __future__ import annotations

from typing import Any

import tensorflow_model_analysis as tfma

from components.gate import recording


def custom_extractors(
    eval_shared_model: Any, eval_config: Any, tensor_adapter_config: Any
) -> list[Any]:
    """TFMA's own extractors, and before and behind them what the gate needs."""
    return [
        *recording.filters(),
        *tfma.default_extractors(
            eval_shared_model=eval_shared_model,
            eval_config=eval_config,
            tensor_adapter_config=tensor_adapter_config,
        ),
        recording.extractor(),
    ]
