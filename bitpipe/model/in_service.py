"""Which version of a model is meant where none, or one, is named.

Apart from `versions`, so that a stage which only looks for versions does not depend on who decides.
"""

from bitpipe.errors import ModelFolderError
from bitpipe.model import release
from bitpipe.model.layout import in_words
from bitpipe.model.versions import find
from bitpipe.stores.paths import join


def locate(models: str, name: str, version: int | None = None) -> tuple[str, int]:
    """(path, number) of a version, or of the one in service, on a disk or in a store.

    Args:
        models: holds NAME/VERSION/, or the numbered versions themselves.
        name: the model's.
        version: its number; None for the one in service.

    Raises:
        ModelFolderError: it holds no version, or not this one.
        StoreError: its store is unknown here, or cannot be listed.
    """
    folder, found = find(models, name)
    if version is None:
        version = release.read(folder).served(found)
        if version is None:
            raise ModelFolderError(
                f"The version that {join(folder, release.FILE)} puts into service is not there. "
                f"There are {in_words(found)}: promote one of them."
            )
    if version not in found:
        raise ModelFolderError(
            f"{models} holds the versions {in_words(found)} of {name}. Received: {version}."
        )
    return found[version], version
