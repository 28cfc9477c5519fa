"""Pushes a blessed model to the folder that TensorFlow Serving watches: whole, and only once."""

from __future__ import annotations

import dataclasses
import getpass
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
from tfx.utils import io_utils, json_utils, proto_utils

from bitpipe.errors import ModelFolderError
from bitpipe.model import decisions, evaluation, origin, release
from bitpipe.model.evaluation import ACCURACY, PICTURES, Evaluation
from bitpipe.model.layout import SAVED_MODEL, as_version, complete_versions
from bitpipe.model.origin import Origin
from bitpipe.model.release import Release
from bitpipe.stores.paths import is_remote
from components.release import in_store, sources

# Custom properties of the PushedModel artifact.
MODEL_ID = "model_id"  # the Model artifact that is in service after this run; 0 if not blessed
PUSHED = "pushed"  # 1 if this run wrote a version
VERSION = "pushed_version"  # the version that serves the model, also when it was there before
DESTINATION = "pushed_destination"
REMARK = "remark"  # why a blessed model is not in service

# Keys of the execution property `custom_config`.
KEEP_VERSIONS = "keep_versions"  # of the newest versions; none where all are kept

_TEMPORARY = ".tmp-"
# What the Pusher itself says of a model makes it no other one.
_TOLD = frozenset({evaluation.FILE, origin.FILE})


class Executor(executor.Executor):
    """TFX's Pusher, with four differences.

    - A version appears by a rename, so that a server never sees half of it;
    - a model that is in service already is not pushed again (the stage runs uncached, because what
      is in service is no input that a cache could know), and neither is one that somebody has
      rolled back from;
    - nothing is archived a second time next to the Trainer's own artifact;
    - versions that nobody needs any more are removed.

    What the Evaluator measured and where the model comes from are written beside it, where servers
    and `bitpipe models` find them.
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
        config = json_utils.loads(exec_properties.get("custom_config") or "null") or {}
        if not is_remote(base):
            fileio.makedirs(base)
        with release.held(base):
            found = find_versions(base)
            before = release.read(base)
            decided = _with_digests(before, found)
            digest = _digest(model_path)
            version = _same(decided, found, digest)
            # One that is in service again is no longer to be refused.
            if version is None and (known := decided.withdrawal(digest)) is not None:
                pushed.set_string_custom_property(REMARK, _refusal(*known))
                return
            if version is None:
                told = dataclasses.replace(
                    sources.origin(input_dict, config), digest=digest, run=self._run_id()
                )
                # A number that was rolled back from would be so again.
                newest = max((*found, *decided.withdrawn), default=None)
                version = push(
                    model_path, base, newest=newest, judged=_judged(input_dict), told=told
                )
                found[version] = posixpath.join(base, str(version))
                pushed.set_int_custom_property(PUSHED, 1)
            after = decisions.pushed(
                decided, version, decisions.Decision(by=_user(), at=int(time.time()))
            )
            if after != before:
                release.write(base, after)
            else:
                release.write_model_config(base, after)
            if after.served(found) != version:
                pushed.set_string_custom_property(
                    REMARK,
                    f"version {version} waits, because version {after.canary} is being tried: "
                    f"`bitpipe models promote {version}` puts it into service",
                )
            if keep := config.get(KEEP_VERSIONS):
                for superfluous in decisions.superfluous(after, found, keep):
                    remove(found[superfluous])
        (model,) = input_dict[standard_component_specs.MODEL_KEY]
        pushed.set_int_custom_property(MODEL_ID, model.id)
        pushed.set_string_custom_property(VERSION, str(version))
        pushed.set_string_custom_property(DESTINATION, found[version])

    def _run_id(self) -> str | None:
        return getattr(self._context, "pipeline_run_id", None) or None


def _with_digests(decided: Release, found: dict[int, str]) -> Release:
    """Fills in the digests of withdrawn versions that did not tell theirs."""
    return dataclasses.replace(
        decided,
        withdrawn={
            version: dataclasses.replace(known, digest=_digest(found[version]))
            if not known.digest and version in found
            else known
            for version, known in decided.withdrawn.items()
        },
    )


def _same(decided: Release, found: dict[int, str], digest: str) -> int | None:
    """The version in service, or one that has come after it, if it is the model of this digest."""
    served = decided.served(found)
    current = [
        version
        for version in sorted(found, reverse=True)
        if (served is None or version >= served) and version not in decided.withdrawn
    ]
    return next((version for version in current if _digest(found[version]) == digest), None)


def _refusal(version: int, known: release.Withdrawal) -> str:
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(known.at))
    why = f": {known.why}" if known.why else ""
    return (
        f"it is the model of version {version}, which {known.by or 'somebody'} rolled back from on "
        f"{when}{why}. `bitpipe models promote {version}` allows it again"
    )


def _user() -> str:
    try:
        return f"{getpass.getuser()} (Pusher)"
    except (KeyError, OSError):  # a container's user without a name
        return "Pusher"


def find_versions(base: str) -> dict[int, str]:
    """Version -> folder of all complete ones below `base`, which may be in a store."""
    if is_remote(base):
        return in_store.find_versions(base)
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
    model_path: str,
    base: str,
    *,
    newest: int | None = None,
    judged: Evaluation | None = None,
    told: Origin | None = None,
) -> int:
    """Copies a SavedModel to a new version below `base` and returns the version.

    Versions are Unix seconds, as TFX's own, but always above `newest`, whatever the clock says.

    Args:
        model_path: folder of the SavedModel.
        base: folder of the versions, also in a store.
        newest: the highest version there.
        judged: how well it did, written beside the model.
        told: where it comes from, written beside the model.

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
    beside = {
        **({evaluation.FILE: judged.encode()} if judged is not None else {}),
        **({origin.FILE: told.to_json()} if told is not None else {}),
    }
    if is_remote(base):
        in_store.push(model_path, target, beside)
        logging.info("pushed %s to %s", model_path, target)
        return version
    staging = posixpath.join(base, f"{_TEMPORARY}{version}")
    fileio.makedirs(base)
    for leftover in fileio.glob(posixpath.join(base, f"{_TEMPORARY}*")):
        fileio.rmtree(leftover)  # of a push that was killed
    io_utils.copy_dir(model_path, staging, deny_regex_patterns=[re.escape(SAVED_MODEL)])
    for name, text in beside.items():
        io_utils.write_string_file(posixpath.join(staging, name), text)
    io_utils.copy_file(
        posixpath.join(model_path, SAVED_MODEL), posixpath.join(staging, SAVED_MODEL)
    )
    fileio.rename(staging, target)
    logging.info("pushed %s to %s", model_path, target)
    return version


def remove(version: str) -> None:
    """Removes a version's folder, of which no server sees a half."""
    if is_remote(version):
        in_store.remove(version)
    else:
        folder, name = posixpath.split(version)
        gone = posixpath.join(folder, f"{_TEMPORARY}{name}")  # what `push` clears away
        fileio.rename(version, gone)
        fileio.rmtree(gone)
    logging.info("removed %s", version)


def _digest(model_path: str) -> str:
    """sha256 over names and contents of all files of a SavedModel, but for what is told of it."""
    if model_path.startswith("s3://"):
        found = in_store.contents(model_path, without=_TOLD)
    else:
        found = _contents(model_path)
    digest = hashlib.sha256()
    # By folders, as earlier versions of the Pusher have walked them.
    for path in sorted(found, key=lambda path: (posixpath.dirname(path), path)):
        digest.update(f"{path}\0{found[path]}\0".encode())
    return digest.hexdigest()


def _contents(model_path: str) -> dict[str, str]:
    """Path of each file, relative to the folder -> sha256 of its content."""
    found = {}
    for folder, _, names in fileio.walk(model_path):
        for name in names:
            path = posixpath.join(folder, name)
            relative = posixpath.relpath(path, model_path)
            if relative in _TOLD:
                continue
            content = hashlib.sha256()
            with fileio.open(path, "rb") as file:
                while block := file.read(1 << 20):
                    content.update(block)
            found[relative] = content.hexdigest()
    return found
