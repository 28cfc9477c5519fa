"""Which model the Evaluator compares a candidate with."""

from __future__ import annotations

import logging
import posixpath

import ml_metadata as mlmd
from tfx import types
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio
from tfx.utils import path_utils

from bitpipe.model import release
from bitpipe.model.layout import SAVED_MODEL, as_version
from components.release import pusher

MODEL = "model"
MODEL_BLESSING = "model_blessing"
PUSHED_MODEL = "pushed_model"
CANDIDATE = "candidate"

_log = logging.getLogger(__name__)


class ModelInService(ResolverStrategy):
    """The latest blessed model that was handed to the server and is not the candidate itself.

    TFX's `LatestBlessedModelStrategy` returns the candidate as its own baseline when an unchanged
    pipeline runs again: the Evaluator's inputs then differ from the first run's, its cache misses,
    and a minute is spent comparing a model with itself. Leaving the candidate out gives an
    unchanged run the inputs it had before. Pushes, not blessings, are followed, because they tell
    what is in service after a model from an earlier run was taken from the cache and pushed again.
    Versions that were rolled back from, and those that are tried or wait, are none of them.

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
        decided = release.read(self._versions)
        candidates = {artifact.id for artifact in input_dict[CANDIDATE]}
        models = {artifact.id: artifact for artifact in input_dict[MODEL]}
        newest_first = sorted(input_dict[PUSHED_MODEL], key=lambda a: a.id, reverse=True)
        for pushed in newest_first:
            model_id = pushed.get_int_custom_property(pusher.MODEL_ID)
            version = as_version(pushed.get_string_custom_property(pusher.VERSION)) or 0
            if (
                model_id in models
                and model_id not in candidates
                and decided.was_in_service(version)
            ):
                model = models[model_id]
                if not _is_there(model):
                    # An older one is not in service: it would be the wrong measure.
                    _log.warning(
                        "The model in service is gone from %s: the candidate is judged without it.",
                        model.uri,
                    )
                    break
                return {**input_dict, MODEL: [model], PUSHED_MODEL: [pushed]}
        return {**input_dict, MODEL: [], PUSHED_MODEL: []}


def _is_there(model: types.Artifact) -> bool:
    """Whether the files are: a lifecycle rule may have removed what ML Metadata still knows."""
    path = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
    return bool(fileio.exists(posixpath.join(path, SAVED_MODEL)))
