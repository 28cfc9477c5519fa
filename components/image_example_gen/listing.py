"""A listed picture, and all of a data set's: what every source makes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from bitpipe.errors import DataError
from bitpipe.names import printable, storable


# Not a dataclass: there are as many as pictures, and one of these is made in a tenth of the time,
# and never looked at by the garbage collector.
class ListedPicture(msgspec.Struct, frozen=True, gc=False):
    """A picture before anything of it is read; travels through a shard to the example.

    Attributes:
        path: as listed, relative to the data folder, with `/` on every system.
        label: its class.
        split: the split it was given; None leaves that to the hash of its content.
        size: bytes.
        mtime_ns: when it was last written, in nanoseconds; 0 where the store does not say.
        source: the name of the source that listed it and reads it, see `sources.registry`.
        stamp: tells it from what lay there before, see `bitpipe.stores.store.Entry`.
        group: pictures of one group, of one patient say, stay in one split; None for none.
    """

    path: str
    label: str
    split: str | None
    size: int
    mtime_ns: int
    source: str
    stamp: tuple[int, int] | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The pictures of a data set, in an order that does not depend on how they were found.

    Raises DataError for a class whose name no label vocabulary can hold.

    Attributes:
        path: the data folder.
        pictures: sorted by path.
        classes: sorted; those of the pictures and those that are announced without any.
        loose_files: files that have no class, left out.
        skipped_files: others that by their names are certainly no pictures, left out.
        found: all of these, counted where they were found.
        recognised: what the data folder was taken for, in words.
    """

    path: str
    pictures: tuple[ListedPicture, ...] = ()
    classes: tuple[str, ...] = ()
    loose_files: int = 0
    skipped_files: int = 0
    found: int = 0
    recognised: str = ""

    def __post_init__(self) -> None:
        pictures = sorted(self.pictures, key=lambda one: (one.path, one.label, one.split or ""))
        classes = sorted({*self.classes, *(picture.label for picture in pictures)})
        for label in classes:
            _check_label(label, self.path)
        object.__setattr__(self, "pictures", tuple(pictures))
        object.__setattr__(self, "classes", tuple(classes))

    def fingerprint(self, contents: Mapping[str, str] = MappingProxyType({})) -> str:
        """A digest of the classes and of all of each record: equal when nothing was touched.

        TFX's own fingerprint combines sizes and times only, so it misses a file that moved from one
        class folder to another, and a corrected label would be answered from the cache.

        Args:
            contents: digests of files by their paths. Where there is one, it stands for size, times
                and stamp, and the file may be touched.
        """
        records: list[Any] = [self.classes]
        for picture in self.pictures:
            content: Any = contents.get(picture.path)
            if content is None:
                content = (picture.size, picture.mtime_ns, picture.stamp)
            of_it = (picture.path, picture.label, picture.split, picture.group, picture.source)
            records.append((*of_it, content))
        # As JSON, in which no two records look alike, whatever stands in their names; at once, as
        # a call for each takes five times as long.
        digest = hashlib.sha256(json.dumps(records).encode())
        return f"files:{len(self.pictures)},sha256:{digest.hexdigest()}"


def _check_label(label: str, path: str) -> None:
    # The label vocabulary of Transform is a text file with a class per line.
    if any(line_end in label for line_end in "\r\n") or not label.strip():
        problem = "must fit on one line and not be blank"
    elif storable(label) != label:
        problem = "must be valid UTF-8"
    else:
        return
    raise DataError(
        f"The name of a class {problem}. Received: '{printable(label)}' in {path}; rename it."
    )
