"""Pushes a blessed model to the folder that TensorFlow Serving watches: whole, and only once."""

from __future__ import annotations

import hashlib
import logging
import posixpath
import re
import time
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils

from bitpipe.errors import ModelFolderError
from bitpipe.model import evaluation
from bitpipe.model.evaluation import ACCURACY, PICTURES, Evaluation
from bitpipe.model.layout import SAVED_MODEL, as_version, complete_versions

# Custom properties of the PushedModel artifact.
MODEL_ID = "model_id"  # the Model artifact that is in service after this run; 0 if not blessed
PUSHED = "pushed"  # 1 if this run wrote a version
VERSION = "pushed_version"  # the version that serves the model, also when it was there before
DESTINATION = "pushed_destination"

_TEMPORARY = ".tmp-"


class Executor(executor.Executor):
    """TFX's Pusher, with three differences.

    - A version appears by a rename, so that a server never sees half of it;
    - a model that already is the newest version is not pushed again (the stage runs uncached,
      because what is in service is no input that a cache could know);
    - nothing is archived a second time next to the Trainer's own artifact.

    What the Evaluator measured is written beside the model, where servers find it.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes `model` if its blessings allow; sets the custom properties named above."""
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        pushed.set_int_custom_property(PUSHED, 0)
        pushed.set_int_custom_property(MODEL_ID, 0)
        if not self.CheckBlessing(input_dict):
            return
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(
            exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination
        )
        base = destination.filesystem.base_directory
        model_path = self.GetModelPath(input_dict)

        found = find_versions(base)
        version = max(found, default=None)
        if version is None or _digest(found[version]) != _digest(model_path):
            version = push(model_path, base, newest=version, judged=_judged(input_dict))
            found[version] = posixpath.join(base, str(version))
            pushed.set_int_custom_property(PUSHED, 1)
        (model,) = input_dict[standard_component_specs.MODEL_KEY]
        pushed.set_int_custom_property(MODEL_ID, model.id)
        pushed.set_string_custom_property(VERSION, str(version))
        pushed.set_string_custom_property(DESTINATION, found[version])


def find_versions(base: str) -> dict[int, str]:
    """Version -> folder of all complete ones below `base`, which may be in a store."""
    if not fileio.exists(base):
        return {}
    names = [name.rstrip("/") for name in fileio.listdir(base)]
    found = complete_versions(
        names, lambda name: bool(fileio.exists(posixpath.join(base, name, SAVED_MODEL)))
    )
    return {version: posixpath.join(base, name) for version, name in found.items()}


def _judged(input_dict: dict[str, list[types.Artifact]]) -> Evaluation | None:
    for blessing in input_dict.get(standard_component_specs.MODEL_BLESSING_KEY) or ():
        if blessing.has_custom_property(ACCURACY) and blessing.has_custom_property(PICTURES):
            return Evaluation(
                blessing.get_float_custom_property(ACCURACY),
                blessing.get_int_custom_property(PICTURES),
            )
    return None


def push(
    model_path: str, base: str, *, newest: int | None = None, judged: Evaluation | None = None
) -> int:
    """Copies a SavedModel to a new version below `base` and returns the version.

    Versions are Unix seconds, as TFX's own, but always above `newest`, whatever the clock says.

    Args:
        model_path: folder of the SavedModel.
        base: folder of the versions, also in a store.
        newest: the highest version there.
        judged: what is written beside the model, if it is known.

    Raises:
        ModelFolderError: no version can be above `newest`.
    """
    version = max(int(time.time()), (newest or 0) + 1)
    if as_version(str(version)) is None:
        raise ModelFolderError(
            f"A pushed model's version must be above those that are there. {base} holds {newest}, "
            f"the highest there can be: remove or rename it."
        )
    target = posixpath.join(base, str(version))
    # Object stores rename file by file, so nothing is gained there; servers wait for SAVED_MODEL.
    staging = target if "://" in base else posixpath.join(base, f"{_TEMPORARY}{version}")
    fileio.makedirs(base)
    for leftover in fileio.glob(posixpath.join(base, f"{_TEMPORARY}*")):
        fileio.rmtree(leftover)  # of a push that was killed
    io_utils.copy_dir(model_path, staging, deny_regex_patterns=[re.escape(SAVED_MODEL)])
    if judged is not None:
        io_utils.write_string_file(posixpath.join(staging, evaluation.FILE), judged.encode())
    io_utils.copy_file(
        posixpath.join(model_path, SAVED_MODEL), posixpath.join(staging, SAVED_MODEL)
    )
    if staging != target:
        fileio.rename(staging, target)
    logging.info("pushed %s to %s", model_path, target)
    return version


def _digest(model_path: str) -> str:
    """sha256 over names and contents of all files of a SavedModel, but for what is told of it."""
    digest = hashlib.sha256()
    for folder, _, names in sorted(fileio.walk(model_path)):
        for name in sorted(names):
            path = posixpath.join(folder, name)
            if posixpath.relpath(path, model_path) == evaluation.FILE:
                continue
            content = hashlib.sha256()
            with fileio.open(path, "rb") as file:
                while block := file.read(1 << 20):
                    content.update(block)
            digest.update(
                f"{posixpath.relpath(path, model_path)}\0{content.hexdigest()}\0".encode()
            )
    return digest.hexdigest()
