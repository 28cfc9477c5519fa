"""Weights as files of this machine: where they are, fetched if need be."""

from __future__ import annotations

from pathlib import Path

from bitpipe.errors import WeightsError
from components.bit import download, sources


def local(source: str | Path, *, cache: Path | None = None, progress: bool = True) -> Path:
    """The file or folder of a source of weights.

    Args:
        source: see `components.bit.weights`.
        cache: folder for downloads; `bitpipe.cache.folder()` if None.
        progress: shows downloads on the standard error.

    Raises:
        WeightsError: the source cannot be had, or a file of this package is damaged.
    """
    location, form, sha256 = sources.locate(source)
    if form == "hub":
        from components.bit import saved_model  # which imports TensorFlow

        return saved_model.resolve(location)
    if sources.is_address(location):
        return download.fetch(location, cache=cache, sha256=sha256, progress=progress)
    path = Path(location).expanduser()
    if sha256 and (digest := download.digest(path)) != sha256:
        raise WeightsError(
            f"the weights {source} of this installation are damaged. Expected the sha256 "
            f"{sha256}. Received: {digest}. Install bitpipe again."
        )
    return path
