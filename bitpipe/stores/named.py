"""What users name for pictures by mistake, told before anything is loaded or asked."""

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from bitpipe.errors import DataError
from bitpipe.stores.open import store_of
from bitpipe.stores.paths import is_remote

# First bytes of .zip (also an empty one), .gz, .bz2, .xz, .7z, .rar and .zst; .tar's come later.
_ARCHIVES = (
    *(b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"7z\xbc\xaf\x27\x1c"),
    *(b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd"),
)
_TAR, _TAR_AT = b"ustar", 257
_WEB = ("http://", "https://")


def check_named(inputs: Iterable[str | os.PathLike[str]], *, all_there: bool = True) -> None:
    """Makes sure that pictures can be where they are said to be.

    Args:
        inputs: files, folders, patterns and addresses of stores, as for `files.find`.
        all_there: a file or folder that does not exist is a mistake, too.

    Raises:
        DataError: something that does not exist, an archive, or an address of the web.
        StoreError: an address whose store is unknown here.
    """
    for given in inputs:
        place = os.fspath(given)
        if place.lower().startswith(_WEB):
            raise DataError(
                f"{place} is an address on the web, and only files can be asked about. Download it "
                f"first: curl --remote-name {place}"
            )
        if is_remote(place):
            store_of(place)  # tells of an unknown one
        elif Path(place).is_file():  # else a pipe would be waited for
            if _is_archive(place):
                raise DataError(f"{place} is an archive. Unpack it, and name the folder.")
        elif all_there and not _may_be_there(place):
            raise DataError(f"{place} does not exist. Correct the path.")


def any_there(inputs: Iterable[str | os.PathLike[str]]) -> bool:
    """Whether at least one of what `check_named` takes may lead to a picture."""
    return any(_may_be_there(os.fspath(given)) for given in inputs)


def _may_be_there(place: str) -> bool:
    return is_remote(place) or glob.has_magic(place) or os.path.lexists(place)


def _is_archive(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            start = file.read(_TAR_AT + len(_TAR))
    except OSError:  # told with the picture's answer
        return False
    return start.startswith(_ARCHIVES) or start[_TAR_AT:] == _TAR
