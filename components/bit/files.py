"""Weights as files of this machine: where they are, fetched if need be."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.parse
from pathlib import Path

from bitpipe.errors import WeightsError
from components.bit import download, sources

# What a file begins with: an archive of ZIP, and HDF5.
_MAGICS = {"npz": b"PK", "h5": b"\x89HDF"}
# The only host of modules whose place in the cache is known without tensorflow-hub.
_HUB_HOST = "tfhub.dev"


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
        path = download.fetch(location, cache=cache, sha256=sha256, progress=progress)
        _require_form(path, form, location)
        return path
    path = Path(location).expanduser()
    if sha256 and (digest := download.digest(path)) != sha256:
        raise WeightsError(
            f"the weights {source} of this installation are damaged. Expected the sha256 "
            f"{sha256}. Received: {digest}. Install bitpipe again."
        )
    return path


def require_obtainable(source: str | Path) -> None:
    """Makes sure that a source is on this machine, or that somebody answers where it comes from.

    Takes seconds at most, and no TensorFlow: what is to be told hours before the weights are read.

    Raises:
        UnreachableWeightsError: neither is the case.
        WeightsError: see `sources.locate`.
    """
    location, form, _ = sources.locate(source)
    if not sources.is_address(location):
        return
    if _may_be_cached_module(location) if form == "hub" else download.is_cached(location):
        return
    download.require_answer(location)


def _may_be_cached_module(handle: str) -> bool:
    folder = os.environ.get("TFHUB_CACHE_DIR") or str(Path(tempfile.gettempdir()) / "tfhub_modules")
    if urllib.parse.urlsplit(handle).netloc != _HUB_HOST or "://" in folder:
        return True
    # tensorflow_hub.compressed_module_resolver
    return (Path(folder) / hashlib.sha1(handle.encode()).hexdigest()).exists()


def _require_form(path: Path, form: str, location: str) -> None:
    """A portal's login page is not to be trusted, nor to be found out hours later."""
    with path.open("rb") as file:
        if file.read(8).startswith(_MAGICS[form]):
            return
    download.forget(path)
    raise WeightsError(
        f"{location} delivers something else than a .{form} file, the page of a portal perhaps. "
        "Look at it in a browser, or fetch the file elsewhere and give its path instead."
    )
