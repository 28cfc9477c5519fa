"""Which exported model is meant by a folder of models."""

from pathlib import Path

from bitpipe.errors import ConfigError
from bitpipe.model.in_service import locate
from bitpipe.model.versions import find_models


def export_in_service(source: str | Path) -> str | Path:
    """The version in service of the model in a folder, or `source` itself where there is none.

    Raises:
        ConfigError: it holds several models.
        ModelFolderError: the version in service is gone, or the file that tells it makes no sense.
    """
    folder = Path(source).expanduser()
    found = find_models(folder)
    if not found:
        return source
    if len(found) > 1:
        raise ConfigError(
            f"a model must be named: {source} holds {', '.join(found)}. Write {source}/NAME."
        )
    [name] = found
    path, _ = locate(str(folder), name)
    return path
