"""The HyperRule's learning rate as a Keras schedule."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from components.bit.hyperrule import DECAY, HyperRule


@keras.saving.register_keras_serializable(package="bitpipe")
class WarmupStaircase(keras.optimizers.schedules.LearningRateSchedule):
    """`HyperRule.learning_rate_at` for a tensor of steps; serialisable with the optimiser.

    `step` counts optimiser updates. Keras' own `gradient_accumulation_steps` hands a schedule
    micro-steps instead, so with it the rule's steps have to be multiplied first.

    Args:
        learning_rate: peak learning rate.
        warmup_steps: steps of linear warm-up from 0; 0 for none.
        boundaries: steps after which the rate is multiplied by 0.1.
    """

    def __init__(
        self, learning_rate: float, warmup_steps: int, boundaries: Sequence[int], name: str = "lr"
    ) -> None:
        super().__init__()
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.boundaries = tuple(boundaries)
        self.name = name

    @classmethod
    def from_rule(cls, rule: HyperRule) -> "WarmupStaircase":
        """The schedule of one fine-tuning run."""
        return cls(rule.learning_rate, rule.warmup_steps, rule.boundaries)

    def __call__(self, step: Any) -> Any:
        """Learning rate, float32 scalar, at the 0-based integer scalar `step`."""
        step = ops.cast(step, "float32")  # exact up to 2**24 steps
        warmup = self.learning_rate * step / max(1, self.warmup_steps)
        decayed = ops.full_like(step, self.learning_rate)
        for boundary in self.boundaries:
            decayed = ops.where(step > boundary, decayed * DECAY, decayed)
        return ops.where(step < self.warmup_steps, warmup, decayed)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs to build the same schedule."""
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "boundaries": list(self.boundaries),
            "name": self.name,
        }
