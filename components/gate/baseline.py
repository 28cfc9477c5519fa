"""Which model the Evaluator compares a candidate with."""

from __future__ import annotations

import ml_metadata as mlmd
from tfx import types
from tfx.dsl.components.common.resolver import ResolverStrategy

from components.release import in_service

MODEL = "model"
MODEL_BLESSING = "model_blessing"
PUSHED_MODEL = "pushed_model"
CANDIDATE = "candidate"


class ModelInService(ResolverStrategy):
    """The latest blessed model that was handed to the server and is not the candidate itself.

    TFX's `LatestBlessedModelStrategy` returns the candidate as its own baseline when an unchanged
    pipeline runs again: the Evaluator's inputs then differ from the first run's, its cache misses,
    and a minute is spent comparing a model with itself. Leaving the candidate out gives an
    unchanged run the inputs it had before. See `in_service.find`.

    Args:
        versions: the folder that the Pusher writes to.
    """

    def __init__(self, versions: str) -> None:
        self._versions = versions

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Keeps at most one `model`, with the `pushed_model` that tells of it."""
        del store
        candidates = {artifact.id for artifact in input_dict[CANDIDATE]}
        found = in_service.find(
            input_dict[MODEL],
            input_dict[PUSHED_MODEL],
            self._versions,
            lambda model: model.id in candidates,
        )
        kept = {MODEL: [found[0]], PUSHED_MODEL: [found[1]]} if found else {}
        return {**input_dict, MODEL: [], PUSHED_MODEL: [], **kept}
