"""The names of the 1,000 classes of ILSVRC-2012, as the heads of released classifiers order them.

That is the ascending order of their WordNet ids, from n01440764 (tench) to n15075141 (toilet
tissue). `imagenet_classes.txt` says where the names are from, and holds WordNet's licence.
"""

import dataclasses
import functools
from pathlib import Path

_FILE = Path(__file__).with_name("imagenet_classes.txt")


@dataclasses.dataclass(frozen=True)
class ImageNetClass:
    """One class.

    Attributes:
        wnid: WordNet id, `n` and eight digits.
        names: synonyms, the most usual first. No two classes have the same first name.
    """

    wnid: str
    names: tuple[str, ...]


@functools.cache
def classes() -> tuple[ImageNetClass, ...]:
    """All 1,000, in the order of a head's outputs."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    records = (line.split("\t") for line in lines if not line.startswith("#"))
    return tuple(ImageNetClass(wnid, tuple(names.split(", "))) for wnid, names in records)


def labels() -> tuple[str, ...]:
    """The first name of each class, in the order of a head's outputs."""
    return tuple(known.names[0] for known in classes())
