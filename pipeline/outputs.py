"""Whether the outputs that TFX's cache would hand out are still all there.

TFX looks whether an output's folder exists. A rule that removes old files, a disk that was full or
a tidy hand leave the folder, and every later run would fail in the stage that reads it. So the
files of each output are noted in ML Metadata when they are published, and compared where TFX
decides.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from typing import Any

from absl import logging
from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.dsl.io import fileio
from tfx.orchestration import metadata
from tfx.orchestration.portable import cache_utils
from tfx.orchestration.portable.mlmd import execution_lib

from bitpipe.stores.paths import is_remote
from components import uncached

# A custom property of an artifact: sha256 over names and sizes. Outputs of earlier versions have
# none, and are trusted as TFX trusts them.
PROPERTY = "files"


def note(connection: metadata_store_pb2.ConnectionConfig, execution_id: int) -> None:
    """Notes the files of all outputs of an execution that has just been published."""
    with metadata.Metadata(connection) as handle:
        outputs = execution_lib.get_output_artifacts(handle, execution_id)
        artifacts = [artifact for listed in outputs.values() for artifact in listed]
        for artifact in artifacts:
            artifact.set_string_custom_property(PROPERTY, _listing(artifact.uri))
        if artifacts:
            handle.store.put_artifacts([artifact.mlmd_artifact for artifact in artifacts])


def is_whole(artifact: types.Artifact) -> bool:
    """Whether the files are those that were published: no one is gone, and none has another size.

    What bears the same size is not read: the pictures of a data set would take minutes.
    """
    noted = artifact.get_string_custom_property(PROPERTY)
    return not noted or noted == _listing(artifact.uri)


@contextlib.contextmanager
def whole_only() -> Iterator[None]:
    """While inside, TFX's cache passes over what is not whole, and what no run shall find again."""
    exist = cache_utils.artifact_utils.verify_artifacts

    def verify(artifacts: dict[str, list[types.Artifact]]) -> None:
        exist(artifacts)
        for artifact in (artifact for listed in artifacts.values() for artifact in listed):
            if artifact.get_string_custom_property(uncached.PROPERTY):
                raise RuntimeError(f"Artifact {artifact.uri} is not to be used again")
            if not is_whole(artifact):
                logging.warning("%s is not complete any more: made again.", artifact.uri)
                raise RuntimeError(f"Artifact {artifact.uri} is not complete")  # as TFX's own does

    # The one question that TFX asks of a cached output before it takes it. It knows no hook.
    cache_utils.artifact_utils.verify_artifacts = verify
    try:
        yield
    finally:
        cache_utils.artifact_utils.verify_artifacts = exist


def _listing(uri: str) -> str:
    """A digest of the names below `uri`, and of sizes where asking for them costs nothing."""
    digest = hashlib.sha256()
    walk: Any = fileio.walk if is_remote(uri) else os.walk
    for folder, _, names in sorted(walk(uri)):
        for name in sorted(names):
            if name.startswith("."):  # what file managers and network disks leave
                continue
            path = os.path.join(folder, name)  # noqa: PTH118  # may be an address
            size = 0 if is_remote(uri) else os.stat(path).st_size  # noqa: PTH116
            digest.update(f"{os.path.relpath(path, uri)}\0{size}\0".encode(errors="replace"))
    return digest.hexdigest()
