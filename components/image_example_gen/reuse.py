"""Which pictures of an ingest an earlier one has made already, and what that leaves to be done."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import msgspec

from bitpipe.names import storable
from components.image_example_gen import shard, sides
from components.image_example_gen.earlier import Earlier
from components.image_example_gen.kept import Kept
from components.image_example_gen.listing import ListedPicture, Listing
from components.image_example_gen.made import Made
from components.image_example_gen.outcomes import Key
from components.image_example_gen.shard import Shard

_log = logging.getLogger(__name__)

# What has become of listed pictures, as it would be noted tonight, and where their records are.
Known = Mapping[Key, tuple[Made, Kept | None]]


def known(
    listing: Listing, digests: Mapping[str, str], before: Earlier, splits: Mapping[str, int]
) -> Known:
    """What of the listed pictures needs no conversion.

    Args:
        listing: of tonight.
        digests: as of `contents.digests`.
        before: an earlier ingest.
        splits: hash buckets of each split.
    """
    found = {}
    for picture in listing.pictures:
        made = before.find(picture, listing.path, digests.get(picture.path))
        if made is not None:
            found[_key(picture)] = _tonight(picture, *made, splits)
    _log.info("%d of %d pictures are known.", len(found), len(listing.pictures))
    return found


def _tonight(
    picture: ListedPicture, made: Made, kept: Kept | None, splits: Mapping[str, int]
) -> tuple[Made, Kept | None]:
    if (made.size, made.mtime_ns) != (picture.size, picture.mtime_ns):  # rarely, as what follows
        made = msgspec.structs.replace(made, size=picture.size, mtime_ns=picture.mtime_ns)
    if made.accepted is None:
        return made, None
    accepted = made.accepted
    split = sides.choose_split(picture, accepted.sha256, splits)
    tonight = (split, picture.group, picture.split is not None)
    if tonight != (accepted.split, accepted.group, accepted.given):
        accepted = msgspec.structs.replace(
            accepted, split=split, group=picture.group, given=picture.split is not None
        )
    if kept is not None and kept.split not in splits:
        kept = msgspec.structs.replace(kept, split=split)
    written = kept.split if kept is not None else ""
    if (accepted, written) != (made.accepted, made.written):
        made = msgspec.structs.replace(made, accepted=accepted, written=written)
    return made, kept


def with_kept(part: Shard, found: Known) -> Shard:
    """The shard, with the records that need no conversion."""
    keys = enumerate(map(_key, part.pictures))
    return replace(part, kept={number: found[key][1] for number, key in keys if key in found})


def gather(part: Shard, found: Known, outcome_folder: str) -> list[Made]:
    """What has become of all pictures of a shard that is written, in their order.

    Args:
        part: the shard.
        found: of `known`.
        outcome_folder: as of `shard.write`.
    """
    converted = {one.name: one for one in shard.read_converted(outcome_folder, part)}
    keys = map(_key, part.pictures)
    return [converted[key] if key in converted else found[key][0] for key in keys]


def lacking(pictures: Sequence[Made], placed: Mapping[Key, str]) -> set[int]:
    """Numbers of those that become examples, and had no record: copies that were left out, say.

    Args:
        pictures: of a shard.
        placed: the split of each example.
    """
    return {
        number
        for number, one in enumerate(pictures)
        if one.accepted is not None and not one.written and one.accepted.key in placed
    }


def without(part: Shard, numbers: Collection[int]) -> Shard:
    """The shard, of which these pictures are to be converted after all."""
    return replace(part, kept={n: one for n, one in part.kept.items() if n not in numbers})


def _key(picture: ListedPicture) -> Key:
    return storable(picture.path), picture.label
