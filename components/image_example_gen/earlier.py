"""What an earlier ingest made of the same pictures, so that a nightly run reads what is new.

The examples of the last runs lie beside those to be written. What has the same bytes, name and
label, and was converted by the same code, becomes the same record: it is copied from there, in its
place in the order, so that the new examples are byte for byte what they would be if all pictures
were read again. Nothing is kept twice for it, and nothing has to be cleaned up. What is missing or
damaged is converted anew.
"""

import hashlib
import importlib.metadata
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import tensorflow as tf

from bitpipe.names import storable
from components.code_version import code_version
from components.image_example_gen.kept import Kept, records_place
from components.image_example_gen.listing import ListedPicture
from components.image_example_gen.made import Made, read_head, read_index

if TYPE_CHECKING:
    from components.image_example_gen.options import IngestOptions

# Options that judge or sort what pictures became; all others are taken to decide it.
_NO_SAY = ("max_rejected_share", "max_rejected", "duplicates", "conflicts", "group")
# Whose versions decide which pictures can be decoded, and to what.
_DECODERS = ("pillow", "pillow-heif", "numpy")
_CODE = "components.image_example_gen.shard"
# May be readable tonight, though its bytes are the same.
_MAY_CHANGE = "unreadable"


def maker(options: "IngestOptions") -> str:
    """A digest of what decides, beside its bytes, name and label, what becomes of a picture."""
    deciding = {name: value for name, value in asdict(options).items() if name not in _NO_SAY}
    versions = [tf.__version__, *map(_version, _DECODERS)]
    text = json.dumps([code_version(_CODE), versions, deciding], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


class Earlier:
    """An earlier ingest, or none: then nothing is found.

    Args:
        made: by `Made.name`: what became of a picture, and where its record lies.
        path: the data folder.
    """

    def __init__(self, made: Mapping[tuple[str, str], tuple[Made, Kept | None]], path: str) -> None:
        self._made = made
        self._path = path

    def __len__(self) -> int:
        return len(self._made)

    def find(
        self, picture: ListedPicture, path: str, content: str | None
    ) -> tuple[Made, Kept | None] | None:
        """What became of the picture, if its file is the same; the record, if there was one.

        Args:
            picture: as it is listed now.
            path: the data folder.
            content: the digest of its bytes now. None where only a store's size and time tell,
                which are believed, as by `contents`.
        """
        found = self._made.get((storable(picture.path), picture.label))
        if found is None:
            return None
        made = found[0]
        if content is None:
            now = (path, picture.size, picture.mtime_ns)
            same = bool(picture.mtime_ns) and now == (self._path, made.size, made.mtime_ns)
        else:
            same = bool(content) and content == made.content
        if not same or (made.rejected is not None and made.rejected.kind == _MAY_CHANGE):
            return None
        return found


def find(folder: str, made_by: str) -> Earlier:
    """The newest ingest beside `folder` that was made by the same.

    Args:
        folder: of the examples to be written, whose name TFX counts up.
        made_by: `maker` of this ingest.
    """
    parent, _, own = folder.rstrip("/").rpartition("/")
    try:
        names = [name.rstrip("/") for name in tf.io.gfile.listdir(parent)]
    except (tf.errors.OpError, OSError):
        names = []
    for name in sorted(names, key=lambda name: (len(name), name), reverse=True):
        beside = tf.io.gfile.join(parent, name)
        if name == own:
            continue
        head = read_head(beside)
        if head is None or head.maker != made_by:
            continue
        made = read_index(beside)
        if len(made) == sum(head.shards):
            return Earlier(dict(_located(beside, head.shards, made)), head.path)
    return Earlier({}, "")


def _located(
    folder: str, shards: list[int], made: list[Made]
) -> Iterator[tuple[tuple[str, str], tuple[Made, Kept | None]]]:
    all_made = iter(made)
    for index, size in enumerate(shards):
        places: dict[str, str] = {}
        positions: Counter[str] = Counter()
        for one in itertools.islice(all_made, size):
            kept = None
            if one.written:
                if one.written not in places:
                    split_folder = tf.io.gfile.join(folder, f"Split-{one.written}")
                    places[one.written] = records_place(split_folder, index, len(shards))
                place = places[one.written]
                kept = Kept(one.written, place, positions[one.written], one.checksum)
                positions[one.written] += 1
            yield one.name, (one, kept)
