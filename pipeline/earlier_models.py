"""The nodes that look a model of an earlier run up: what a stage starts from, or compares with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.types.channel import BaseChannel, Channel
from tfx.types.standard_artifacts import Model, ModelBlessing, PushedModel

from components import warm_start
from components.gate import baseline
from pipeline import stages, weights_key


def to_start_from(
    versions: str, custom_config: Mapping[str, Any], read: Mapping[str, BaseChannel]
) -> Resolver:
    """What the Trainer starts from: see `warm_start.ServedModel`.

    Args:
        versions: the folder that the Pusher writes to.
        custom_config: of the Trainer.
        read: what the Trainer reads, by its own names.
    """
    return Resolver(
        strategy_class=warm_start.ServedModel,
        config={
            "versions": versions,
            "custom_config": json.dumps(custom_config),
            "ignored": [weights_key.IDENTITY, "export"],
        },
        **{
            warm_start.MODEL: Channel(type=Model),
            warm_start.PUSHED_MODEL: Channel(type=PushedModel),
            **{key: read[key] for key in warm_start.READ},
        },
    ).with_id(stages.WARM_START)


def to_compare_with(versions: str, candidate: BaseChannel) -> Resolver:
    """What the Evaluator compares a candidate with: see `baseline.ModelInService`.

    Args:
        versions: the folder that the Pusher writes to.
        candidate: the Trainer's model.
    """
    return Resolver(
        strategy_class=baseline.ModelInService,
        config={"versions": versions},
        **{
            baseline.MODEL: Channel(type=Model),
            baseline.PUSHED_MODEL: Channel(type=PushedModel),
            baseline.CANDIDATE: candidate,
        },
    ).with_id(stages.RESOLVER)


def latest_blessed() -> Resolver:
    """The same for Vertex AI, which runs none but TFX's own two strategies."""
    return Resolver(
        strategy_class=LatestBlessedModelStrategy,
        **{
            baseline.MODEL: Channel(type=Model),
            baseline.MODEL_BLESSING: Channel(type=ModelBlessing),
        },
    ).with_id(stages.RESOLVER)
