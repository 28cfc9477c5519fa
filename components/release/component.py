"""The pipeline node that puts a blessed model into service."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter
from tfx.utils import json_utils

from components.release import sources
from components.release.pusher import KEEP_VERSIONS, Executor


class PusherSpec(standard_component_specs.PusherSpec):
    """TFX's, with what tells where a model comes from."""

    INPUTS = {  # noqa: RUF012  # as TFX declares them
        **standard_component_specs.PusherSpec.INPUTS,
        sources.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
        sources.EVALUATION: ChannelParameter(type=standard_artifacts.ModelEvaluation),
    }


class Pusher(base_component.BaseComponent):
    """TFX's Pusher with the executor beside it.

    Args:
        model: the candidate.
        model_blessing: whether the gate let it pass.
        infra_blessing: whether a server could load it and answered; `None` where nobody asked it.
        examples: what the model was trained on.
        evaluation: what the gate wrote about it.
        folder: of the versions, for servers.
        backbone: where its weights came from.
        code: digest of the code that trained it.
        keep_versions: how many of the newest versions stay; `None` for all.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        infra_blessing: types.BaseChannel | None,
        examples: types.BaseChannel,
        evaluation: types.BaseChannel,
        folder: str,
        backbone: str,
        code: str,
        keep_versions: int | None,
    ) -> None:
        config = {
            sources.BACKBONE: backbone,
            sources.CODE: code,
            **({KEEP_VERSIONS: keep_versions} if keep_versions is not None else {}),
        }
        spec = PusherSpec(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            examples=examples,
            evaluation=evaluation,
            push_destination=pusher_pb2.PushDestination(
                filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=folder)
            ),
            custom_config=json_utils.dumps(config),
            pushed_model=types.Channel(type=standard_artifacts.PushedModel),
        )
        super().__init__(spec=spec)
