"""Which SavedModel a job asks: a version of a model, on a disk or in a store."""

from pathlib import Path

from bitpipe.errors import ModelFolderError
from bitpipe.model.versions import SAVED_MODEL, as_version, find_model_folder, find_versions
from bitpipe.stores.open import store_of
from bitpipe.stores.paths import is_remote, join


def locate(models: str, name: str, version: int | None = None) -> tuple[str, int]:
    """(path, number) of the version, or of the newest one.

    Args:
        models: holds NAME/VERSION/, or the numbered versions themselves.

    Raises:
        ModelFolderError: it holds no version, or not this one.
        StoreError: its store is unknown here, or cannot be listed.
    """
    found = _remote(models, name) if is_remote(models) else _local(models, name)
    if version is None:
        version = max(found)
    if version not in found:
        raise ModelFolderError(
            f"{models} holds the versions {', '.join(map(str, sorted(found)))} of {name}. "
            f"Received: {version}."
        )
    return found[version], version


def _local(models: str, name: str) -> dict[int, str]:
    folder = find_model_folder(Path(models), name)
    return {version: str(path) for version, path in find_versions(folder).items()}


def _remote(models: str, name: str) -> dict[int, str]:
    from bitpipe.stores.remote import match

    store_of(models)  # tells of an unknown one
    for folder in (join(models, name), models):
        paths = [path.rpartition("/")[0] for path in match(join(folder, "*", SAVED_MODEL))]
        versions = {as_version(path.rpartition("/")[2]): path for path in paths}
        found = {version: path for version, path in versions.items() if version is not None}
        if found:
            return found
    raise ModelFolderError(
        f"A model folder must hold {name}/VERSION/{SAVED_MODEL} or VERSION/{SAVED_MODEL}. "
        f"{models} does not: name the one that the Pusher writes to."
    )
