"""One shard of the ingest: a group of files in, a TFRecord file per split out.

A shard is the unit of work, of retry and of memory: pictures pass through a few at a time and never
cross a shuffle, which on Beam's in-memory runner would hold the whole data set. The shuffled order
that training needs comes from the order of the names, see `plan`.
"""

import hashlib
import logging
import os
import uuid
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import msgspec
import tensorflow as tf

from bitpipe.names import storable
from components.image_example_gen import images, made
from components.image_example_gen.kept import Kept, Records, read_records, records_place
from components.image_example_gen.listing import ListedPicture
from components.image_example_gen.made import Made
from components.image_example_gen.outcomes import AcceptedFile, Key, RejectedFile

_log = logging.getLogger(__name__)

# About 50 MB of photographs: small enough to spread over workers and to repeat after a failure,
# large enough that a runner's cost per element vanishes.
MAX_FILES = 512
MAX_BYTES = 128 * 2**20

# The bytes are JPEG and PNG already: deflating them again gained 0.8 % and took 20 times as long to
# write (396 photographs, level 6: 0.50 s against 0.02 s). TFX reads gzip only, so store unpacked.
_RECORD_OPTIONS = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=0)

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Shard:
    """Pictures that are converted together, number `index` of `count` such groups.

    Attributes:
        index: from 0.
        count: of all shards.
        pictures: in the order of their records.
        kept: of each that an earlier ingest has converted, by its place in `pictures`: its record,
            or None where it has none.
    """

    index: int
    count: int
    pictures: tuple[ListedPicture, ...]
    kept: Mapping[int, Kept | None] = field(default_factory=dict)


def plan(pictures: Iterable[ListedPicture]) -> list[Shard]:
    """Deals the pictures into shards in the order of their paths' hashes.

    That order is as good as shuffled, so that classes mix, and a picture added later changes nobody
    else's place in it.
    """
    groups: list[list[ListedPicture]] = []
    room = 0
    for picture in sorted(pictures, key=_order):
        if room < max(picture.size, 1) or len(groups[-1]) == MAX_FILES:
            groups.append([])
            room = MAX_BYTES
        groups[-1].append(picture)
        room -= picture.size
    return [Shard(i, len(groups), tuple(group)) for i, group in enumerate(groups)]


def write(
    shard: Shard,
    *,
    path: str,
    max_pixels: int,
    split_folders: Mapping[str, str],
    choose_split: Callable[[ListedPicture, str], str],
    outcome_folder: str,
    on_file: Callable[[], None] = lambda: None,
    allow_truncated: bool = False,
    longest_side: int = 0,
    threads: int = images.THREADS,
) -> None:
    """Writes a shard's examples, and as JSON Lines what became of those it has converted for that.

    Safe to repeat, and to run twice at once as some runners do: files are written under a name of
    their own and put in place by a rename, and every run writes the same bytes.

    Args:
        shard: what to convert, or to copy from where it is kept.
        path: the data folder.
        max_pixels: larger pictures are rejected.
        split_folders: where the records of each split go.
        choose_split: names the split of a picture, given the digest of its pixels.
        outcome_folder: where the outcomes go, and what is not finished yet.
        on_file: called once per picture, for progress.
        allow_truncated: see `bitpipe.pictures.normalise.normalise`.
        longest_side: see there.
        threads: that convert pictures.
    """
    unfinished = tf.io.gfile.join(outcome_folder, uuid.uuid4().hex)
    converted: list[Made] = []

    to_image = partial(
        images.convert,
        max_pixels=max_pixels,
        allow_truncated=allow_truncated,
        longest_side=longest_side,
    )

    def convert(picture: ListedPicture) -> tuple[Made, bytes]:
        return _convert(picture, path, to_image, choose_split)

    todo = [one for number, one in enumerate(shard.pictures) if number not in shard.kept]
    records = Records()
    with _Writers(unfinished) as writers:
        results = map_in_order(convert, todo, threads)
        for number, picture in enumerate(shard.pictures):
            kept = shard.kept.get(number)
            record = records.read(kept) if kept is not None else None
            if record is not None and kept is not None:
                writers.write(kept.split, record)
            elif kept is not None or number not in shard.kept:
                one, record = next(results) if kept is None else convert(picture)
                converted.append(one)
                if one.written:
                    writers.write(one.written, record)
            on_file()
    for split in writers.splits:
        place = records_place(split_folders[split], shard.index, shard.count)
        tf.io.gfile.rename(f"{unfinished}-{split}", place, overwrite=True)
    made.write(unfinished, converted)
    place = tf.io.gfile.join(outcome_folder, f"outcomes-{shard.index:05d}.jsonl")
    tf.io.gfile.rename(unfinished, place, overwrite=True)
    # Tells on a cluster how the work is shared.
    _log.info("Shard %d of %d by process %d.", shard.index, shard.count, os.getpid())


def _convert(
    picture: ListedPicture,
    path: str,
    to_image: Callable[[bytes, ListedPicture], images.Image],
    choose_split: Callable[[ListedPicture, str], str],
) -> tuple[Made, bytes]:
    """What becomes of a picture, and its record; empty for none."""
    content = ""
    try:
        data = images.read(path, picture)
        content = hashlib.sha256(data).hexdigest()
        image = to_image(data, picture)
    except images.RejectedImageError as error:
        rejected = RejectedFile(storable(picture.path), str(error), error.kind)
        return _made(picture, content, rejected=rejected), b""
    split = choose_split(picture, image.sha256)
    accepted = AcceptedFile(
        *(image.filename, image.label, split, image.sha256, image.changed),
        group=picture.group,
        given=picture.split is not None,
        look=image.look,
        width=image.width,
        height=image.height,
        single_colour=image.single_colour,
    )
    record = images.to_example(image).SerializeToString(deterministic=True)
    made_of = _made(picture, content, accepted=accepted, written=split, checksum=zlib.crc32(record))
    return made_of, record


def _made(picture: ListedPicture, content: str, **outcome: Any) -> Made:
    return Made(
        label=picture.label,
        size=picture.size,
        mtime_ns=picture.mtime_ns,
        content=content,
        **outcome,
    )


def read_converted(outcome_folder: str, shard: Shard) -> Iterator[Made]:
    """What `write` noted of a shard's pictures that it has converted, in their order."""
    return made.read(tf.io.gfile.join(outcome_folder, f"outcomes-{shard.index:05d}.jsonl"))


def move(
    shard: Shard,
    pictures: Sequence[Made],
    splits: Mapping[Key, str],
    *,
    split_folders: Mapping[str, str],
    outcome_folder: str,
) -> list[Made]:
    """Moves a shard's records to where they belong, each to its place in their order.

    Not safe to repeat: what fails on its way here must be ingested anew.

    Args:
        shard: whose records are written.
        pictures: all of its pictures, with where their records are.
        splits: where they shall be, by the keys; one without is removed.
        split_folders: as of `write`.
        outcome_folder: as of `write`.

    Returns:
        The same pictures, with where their records are now.
    """
    moved = [_placed(one, splits) for one in pictures]
    if moved == list(pictures):
        return moved
    places = {
        split: records_place(folder, shard.index, shard.count)
        for split, folder in split_folders.items()
    }
    records = {
        split: read_records(places[split])
        for split in {one.written for one in pictures if one.written}
    }
    unfinished = tf.io.gfile.join(outcome_folder, uuid.uuid4().hex)
    with _Writers(unfinished) as writers:
        for before, after in zip(pictures, moved, strict=True):
            if before.written:
                record = next(records[before.written])
                if after.written:
                    writers.write(after.written, record)
    for split in records.keys() - writers.splits:
        tf.io.gfile.remove(places[split])
    for split in writers.splits:
        tf.io.gfile.rename(f"{unfinished}-{split}", places[split], overwrite=True)
    return moved


def _placed(one: Made, splits: Mapping[Key, str]) -> Made:
    split = splits.get(one.accepted.key, "") if one.accepted is not None else ""
    return one if split == one.written else msgspec.structs.replace(one, written=split)


class _Writers:
    """Record files by their splits, each begun with its first record."""

    def __init__(self, unfinished: str) -> None:
        self._unfinished = unfinished
        self._writers: dict[str, tf.io.TFRecordWriter] = {}

    @property
    def splits(self) -> frozenset[str]:
        return frozenset(self._writers)

    def write(self, split: str, record: bytes) -> None:
        if split not in self._writers:
            self._writers[split] = tf.io.TFRecordWriter(
                f"{self._unfinished}-{split}", _RECORD_OPTIONS
            )
        self._writers[split].write(record)

    def __enter__(self) -> "_Writers":
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._writers.values():
            writer.close()


def _order(picture: ListedPicture) -> tuple[bytes, str, str]:
    digest = hashlib.sha256(picture.path.encode("utf-8", "surrogateescape")).digest()
    return digest, picture.label, picture.split or ""


def map_in_order(
    function: Callable[[T], R], items: Iterable[T], threads: int = images.THREADS
) -> Iterator[R]:
    """`map` on threads, at most two items per thread ahead of the consumer: memory is bounded."""
    if threads == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        running: deque[Future[R]] = deque()
        for item in items:
            running.append(pool.submit(function, item))
            if len(running) == 2 * threads:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
