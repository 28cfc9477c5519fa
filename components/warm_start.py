"""Which model training starts from, where `train.warm_start` asks for the one in service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.dsl.components.common.resolver import ResolverStrategy

from components.release import in_service

MODEL = "model"
PUSHED_MODEL = "pushed_model"
# What the Trainer reads, by its own names.
EXAMPLES, TRANSFORM_GRAPH, HYPERPARAMETERS = READ = (
    "examples",
    "transform_graph",
    "hyperparameters",
)
# Of the Trainer's execution properties, the one that holds the settings and the code's version.
_CONFIG = "custom_config"

_Event = metadata_store_pb2.Event


class ServedModel(ResolverStrategy):
    """The latest model in service that was not trained from these very inputs.

    A model that was would be its own start when an unchanged pipeline runs again: the Trainer's
    inputs then differ from the first run's, its cache misses, and each run trains the last one's
    model further on the same pictures. Leaving it out gives an unchanged run the start it had
    before, and the next pictures or settings start from what they are served by.

    Args:
        versions: the folder that the Pusher writes to.
        custom_config: JSON of the Trainer's.
        ignored: keys of it that change no weights, or are added only where the Trainer runs.
    """

    def __init__(self, versions: str, custom_config: str, ignored: list[str]) -> None:
        self._versions = versions
        self._ignored = frozenset(ignored)
        self._config = self._counting(json.loads(custom_config))

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Keeps at most one `model`, with the `pushed_model` that tells of it."""
        read = {key: {artifact.id for artifact in input_dict[key]} for key in READ}
        found = in_service.find(
            input_dict[MODEL],
            input_dict[PUSHED_MODEL],
            self._versions,
            lambda model: self._is_of(store, model.id, read),
        )
        kept = {MODEL: [found[0]], PUSHED_MODEL: [found[1]]} if found else {}
        return {**input_dict, MODEL: [], PUSHED_MODEL: [], **kept}

    def _is_of(self, store: mlmd.MetadataStore, model: int, read: Mapping[str, set[int]]) -> bool:
        """Whether a model is the Trainer's of these inputs and settings, or was made of that."""
        made = [
            event.execution_id
            for event in store.get_events_by_artifact_ids([model])
            if event.type == _Event.OUTPUT
        ]
        for execution in store.get_executions_by_id(made):
            inputs = _inputs(store, execution.id)
            settings = self._settings(execution)
            if settings is None:
                if any(self._is_of(store, before, read) for before in inputs.get(MODEL, ())):
                    return True
            elif settings == self._config and inputs.items() >= read.items():
                return True
        return False

    def _settings(self, execution: metadata_store_pb2.Execution) -> dict[str, Any] | None:
        """None for another stage, which made its model of one."""
        stored = execution.custom_properties[_CONFIG].string_value
        found = json.loads(stored) if stored else None
        if not isinstance(found, dict) or "train" not in found:
            return None
        return self._counting(found)

    def _counting(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in config.items() if key not in self._ignored}


def _inputs(store: mlmd.MetadataStore, execution: int) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for event in store.get_events_by_execution_ids([execution]):
        if event.type == _Event.INPUT and event.path.steps:
            found.setdefault(event.path.steps[0].key, set()).add(event.artifact_id)
    return found
