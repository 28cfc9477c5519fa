"""Versions in an object store, which knows no folders and renames file by file.

Through `bitpipe.stores`, because TensorFlow's own file systems know no s3://. Servers wait for
`saved_model.pb`: it is written last, and removed first.
"""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
from collections.abc import Collection, Iterator, Mapping

from tfx.dsl.io import fileio

from bitpipe.model.layout import SAVED_MODEL, complete_versions
from bitpipe.stores.objects import ObjectStore
from bitpipe.stores.open import store_of
from bitpipe.stores.paths import join

_CHUNK_BYTES = 8 << 20


def find_versions(base: str) -> dict[int, str]:
    """Version -> address of all complete ones below `base`."""
    paths = _store(base).match(join(base, "*", SAVED_MODEL))
    names = {path.split("/")[-2] for path in paths}
    found = complete_versions(names, names.__contains__)
    return {version: join(base, name) for version, name in found.items()}


def push(model_path: str, target: str, told: Mapping[str, str]) -> None:
    """Writes a version.

    Args:
        model_path: folder of the SavedModel, wherever TFX can read.
        target: address of the version.
        told: name -> text of further files in it.

    Raises:
        OSError: it could not be written to the end; what was is removed again, if possible.
    """
    last = None
    try:
        store = _store(target)
        for folder, _, names in fileio.walk(model_path):
            for name in names:
                path = posixpath.join(folder, name)
                relative = posixpath.relpath(path, model_path)
                if relative == SAVED_MODEL:
                    last = path
                else:
                    store.write(join(target, relative), _chunks(path))
        for name, text in told.items():
            store.write(join(target, name), [text.encode()])
        if last is not None:
            store.write(join(target, SAVED_MODEL), _chunks(last))
    except Exception:
        with contextlib.suppress(OSError):  # no server takes it for a version, but it takes room
            remove(target)
        raise


def remove(version: str) -> None:
    """Removes a version, of which no server sees a half."""
    store = _store(version)
    store.delete(join(version, SAVED_MODEL))
    for path, _ in list(store.below(version)):
        store.delete(join(version, path))


def contents(model: str, without: Collection[str]) -> dict[str, str]:
    """Path of each file of a version, relative to it -> sha256 of its content."""
    store = _store(model)
    found = {}
    for path, _ in list(store.below(model)):
        if path not in without:
            digest = hashlib.sha256()
            for chunk in store.chunks(join(model, path)):
                digest.update(chunk)
            found[path] = digest.hexdigest()
    return found


def _store(address: str) -> ObjectStore:
    store = store_of(address)
    assert isinstance(store, ObjectStore)
    return store


def _chunks(path: str) -> Iterator[bytes]:
    with fileio.open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
