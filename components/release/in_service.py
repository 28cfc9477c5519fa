"""Which model of an earlier run is in service, as ML Metadata and the decisions on versions say."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Callable, Sequence

from tfx import types
from tfx.dsl.io import fileio
from tfx.utils import path_utils

from bitpipe.model import release
from bitpipe.model.layout import SAVED_MODEL, as_version
from components.release import pusher

_log = logging.getLogger(__name__)


def find(
    models: Sequence[types.Artifact],
    pushes: Sequence[types.Artifact],
    versions: str,
    is_left_out: Callable[[types.Artifact], bool],
) -> tuple[types.Artifact, types.Artifact] | None:
    """The latest model that was handed to the server, with the push that tells of it.

    Pushes, not blessings, are followed, because they tell what is in service after a model from an
    earlier run was taken from the cache and pushed again. Versions that were rolled back from, and
    those that are tried or wait, are none of them.

    Args:
        models: Model artifacts.
        pushes: PushedModel artifacts of our Pusher.
        versions: the folder that the Pusher writes to.
        is_left_out: whether a model does not count, and the one before it is asked for.

    Returns:
        None where there is none, or its files are gone: an older one is not in service.
    """
    decided = release.read(versions)
    known = {model.id: model for model in models}
    for pushed in sorted(pushes, key=lambda artifact: artifact.id, reverse=True):
        model = known.get(pushed.get_int_custom_property(pusher.MODEL_ID))
        version = as_version(pushed.get_string_custom_property(pusher.VERSION)) or 0
        if model is None or not decided.was_in_service(version) or is_left_out(model):
            continue
        if _is_there(model):
            return model, pushed
        _log.warning("The model in service is gone from %s: it counts as none.", model.uri)
        return None
    return None


def _is_there(model: types.Artifact) -> bool:
    """Whether the files are: a lifecycle rule may have removed what ML Metadata still knows."""
    path = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
    return bool(fileio.exists(posixpath.join(path, SAVED_MODEL)))
