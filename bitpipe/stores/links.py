"""Folders whose names TensorFlow would take for patterns, under another name."""

import contextlib
import glob
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bitpipe.stores.paths import is_remote


@contextlib.contextmanager
def without_pattern(path: str) -> Iterator[str]:
    """Lends a path to a folder which holds no `*`, `?`, `[` or backslash.

    TensorFlow looks for a SavedModel's variables by a pattern made of its path, and finds none in
    `run [1]/serving`. What it reads while the path is lent, it needs no path for later.

    Args:
        path: of a folder, which may not exist; an address of a store is lent as it is.
    """
    if is_remote(path) or not (glob.has_magic(path) or "\\" in path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="bitpipe-") as folder:
        link = Path(folder, "model")
        link.symlink_to(Path(path).absolute())
        yield str(link)
