"""The picture files that a user means, and their bytes."""

import glob
import os
from collections.abc import Iterable, Iterator

from bitpipe.errors import UnreadablePictureError
from bitpipe.pictures import formats
from bitpipe.pictures.normalise import normalise
from bitpipe.stores.open import store_of
from bitpipe.stores.paths import is_remote
from bitpipe.stores.store import UNREADABLE, Entry, Found


def find(inputs: Iterable[str | os.PathLike[str]]) -> Iterator[Found]:
    """The files that `inputs` mean, in their order.

    A folder means what may be a picture below it (`formats.is_candidate`), sorted by name, links
    followed. A name with `*`, `?` or `[...]` that is no file means what matches, sorted, as in a
    shell; `**` matches any folders. Of a local folder, only the names in the folders on the way are
    held in memory.

    Raises:
        StoreError: an address whose store is unknown here, or cannot be listed.
    """
    for given in inputs:
        place = os.fspath(given)
        nothing = True
        for found in store_of(place).find(place, _is_wanted):
            nothing = False
            yield found
        if nothing:
            yield Found(place, _nothing_at(place))


def read(found: Found) -> bytes:
    """The picture, as upright JPEG or PNG.

    Raises:
        UnreadablePictureError: missing, no file, too large, or not a picture; bears its path.
        OSError: a store which does not answer.
    """
    path, problem = found
    if problem:
        raise UnreadablePictureError(problem, path, "unreadable")
    try:
        return normalise(store_of(path).read(path)).data
    except UnreadablePictureError as error:
        raise UnreadablePictureError(error.reason, path, error.kind) from error
    except OSError as error:
        if is_remote(path) and not isinstance(error, UNREADABLE):
            raise
        raise UnreadablePictureError(str(error.strerror or error), path, "unreadable") from error


def _is_wanted(entry: Entry) -> bool:
    if entry.is_folder:
        return not formats.is_litter(entry.name)
    return formats.is_candidate(entry.name)


def _nothing_at(place: str) -> str:
    if glob.has_magic(place):
        return "no file matches"
    return "no picture is there" if is_remote(place) else "the folder holds no pictures"
