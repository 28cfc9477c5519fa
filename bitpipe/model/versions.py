"""Which versions of a model a folder holds, by TensorFlow Serving's layout: NAME/VERSION/."""

from pathlib import Path

from bitpipe.errors import ModelFolderError

SAVED_MODEL = "saved_model.pb"
_MAX_VERSION = 2**63 - 1  # int64 in ModelSpec


def find_versions(folder: Path) -> dict[int, Path]:
    """Versions in `folder`: sub-folders named by a positive integer that hold saved_model.pb.

    Pusher writes that file last, so a folder still being copied is not taken for a version; nor is
    one with a temporary name. A missing folder holds none.
    """
    if not folder.is_dir():
        return {}
    versions = {}
    for path in folder.iterdir():
        version = as_version(path.name)
        if version is not None and (path / SAVED_MODEL).is_file():
            versions[version] = path
    return versions


def as_version(name: str) -> int | None:
    """The version that a folder of this name holds; None where it is none."""
    if not (name.isascii() and name.isdigit()):
        return None
    version = int(name)
    return version if 0 < version <= _MAX_VERSION else None


def find_model_folder(models: Path, name: str) -> Path:
    """The folder with the numbered versions: `models`/`name`, or `models` itself.

    Raises:
        ModelFolderError: neither holds a version.
    """
    for folder in (models / name, models):
        if find_versions(folder):
            return folder
    problem = "holds no version of the model" if models.is_dir() else "does not exist"
    raise ModelFolderError(
        f"A model folder must hold {name}/VERSION/{SAVED_MODEL} or VERSION/{SAVED_MODEL}, VERSION "
        f"being a positive integer. {models} {problem}: name the folder which `bitpipe run` pushed "
        f"to, or run that first."
    )
