"""Which versions of a model a folder holds, by TensorFlow Serving's layout: NAME/VERSION/."""

from pathlib import Path

from bitpipe.errors import ModelFolderError
from bitpipe.model.layout import SAVED_MODEL, complete_versions
from bitpipe.names import require_utf8
from bitpipe.stores.open import store_of
from bitpipe.stores.paths import is_remote, join


def find_versions(folder: Path) -> dict[int, Path]:
    """The complete versions in a folder of this machine; a missing folder holds none."""
    if not folder.is_dir():
        return {}
    names = (path.name for path in folder.iterdir())
    found = complete_versions(names, lambda name: (folder / name / SAVED_MODEL).is_file())
    return {version: folder / name for version, name in found.items()}


def find_models(models: Path) -> dict[str, Path]:
    """Name -> folder of the models in a folder; or of the one whose versions it holds itself."""
    if find_versions(models):
        return {models.absolute().name: models}
    if not models.is_dir():
        return {}
    return {folder.name: folder for folder in sorted(models.iterdir()) if find_versions(folder)}


def only_model(models: str) -> str:
    """The name of the one model in a folder.

    Raises:
        ModelFolderError: it holds none or several, or is in a store.
    """
    found = {} if is_remote(models) else find_models(Path(models))
    if len(found) == 1:
        return next(iter(found))
    if found or is_remote(models):
        held = f" {models} holds {', '.join(found)}." if found else ""
        raise ModelFolderError(f"Which model?{held} Say which with --name.")
    raise _no_model(Path(models), "NAME")


def find_model_folder(models: Path, name: str) -> Path:
    """The folder with the numbered versions: `models`/`name`, or `models` itself.

    Raises:
        ConfigError: TensorFlow cannot open it, because it is not valid UTF-8.
        ModelFolderError: neither holds a version.
    """
    require_utf8(models, "The folder of models")
    for folder in (models / name, models):
        if find_versions(folder):
            return folder
    if others := find_models(models):
        raise ModelFolderError(
            f"{models} holds no model {name}. It holds {', '.join(others)}: correct the name."
        )
    raise _no_model(models, name)


def _no_model(models: Path, name: str) -> ModelFolderError:
    if models.is_dir():
        problem = "holds no version of the model"
    else:
        problem = "is no folder" if models.exists() else "does not exist"
    return ModelFolderError(
        f"A model folder must hold {name}/VERSION/{SAVED_MODEL} or VERSION/{SAVED_MODEL}, VERSION "
        f"being a positive integer. {models} {problem}: name the folder which `bitpipe run` pushed "
        f"to, or run that first."
    )


def find(models: str, name: str) -> tuple[str, dict[int, str]]:
    """The folder of a model's versions, and those in it, version -> path.

    Args:
        models: holds NAME/VERSION/, or the numbered versions themselves; on a disk or in a store.
        name: the model's.

    Raises:
        ModelFolderError: it holds no version.
        StoreError: its store is unknown here, or cannot be listed.
    """
    if is_remote(models):
        return _find_remote(models, name)
    folder = find_model_folder(Path(models), name)
    return str(folder), {version: str(path) for version, path in find_versions(folder).items()}


def _find_remote(models: str, name: str) -> tuple[str, dict[int, str]]:
    store = store_of(models)
    for folder in (join(models, name), models):
        # One listing: a store has no folders of its own, only files with long names.
        pattern = join(folder, "*", SAVED_MODEL)
        paths = [found.path for found in store.find(pattern, lambda _: True)]
        folders = {path.split("/")[-2]: path.rpartition("/")[0] for path in paths}
        if found := complete_versions(folders, folders.__contains__):
            return folder, {version: folders[name] for version, name in found.items()}
    raise ModelFolderError(
        f"A model folder must hold {name}/VERSION/{SAVED_MODEL} or VERSION/{SAVED_MODEL}. "
        f"{models} does not: name the one that the Pusher writes to."
    )
