"""The splits that data bring with them, by what people call them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from types import MappingProxyType

import msgspec

from bitpipe.wording import counted
from components.image_example_gen.listing import ListedPicture

TRAIN, EVAL, TEST = "train", "eval", "test"

NAMES = MappingProxyType(
    {
        **dict.fromkeys(("train", "training"), TRAIN),
        **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "evaluation"), EVAL),
        **dict.fromkeys(("test", "testing"), TEST),
    }
)


def named(name: str) -> str | None:
    """The split that a folder or a word in a manifest names; None for any other."""
    return NAMES.get(name.strip().casefold())


def settle(pictures: Iterable[ListedPicture]) -> tuple[ListedPicture, ...]:
    """The pictures with splits from which training and the gate both get some.

    Where nothing is left for the gate, neither a split nor pictures without one, the gate's are
    drawn from those for training, by their content.
    """
    pictures = tuple(pictures)
    if any(picture.split in (EVAL, None) for picture in pictures):
        return pictures
    return tuple(
        msgspec.structs.replace(picture, split=None) if picture.split == TRAIN else picture
        for picture in pictures
    )


def in_words(given: Sequence[ListedPicture], settled: Sequence[ListedPicture]) -> str:
    """What becomes of the splits, in words; empty where no picture has one.

    Args:
        given: as the data have them.
        settled: what `settle` made of them.
    """
    counts = Counter(picture.split for picture in given)
    if counts.keys() <= {None}:
        return ""
    named = ", ".join(f"{split} {counts[split]}" for split in (TRAIN, EVAL, TEST) if counts[split])
    said = [f"splits kept as given ({named})"]
    if counts[None]:
        said.append(f"{counted(counts[None], 'file')} without one, split by content")
    if not any(picture.split == EVAL for picture in settled) and not counts[None]:
        said.append("none is for the gate, whose pictures are drawn from those for training")
    if counts[TEST]:
        said.append("test is kept out of training and of the gate")
    return "; ".join(said)
