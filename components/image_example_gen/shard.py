"""One shard of the ingest: a group of files in, a TFRecord file per split out.

A shard is the unit of work, of retry and of memory: pictures pass through a few at a time and never
cross a shuffle, which on Beam's in-memory runner would hold the whole data set. The shuffled order
that training needs comes from the order of the names, see `plan`.
"""

import hashlib
import json
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TypeVar

import tensorflow as tf

from bitpipe.names import storable
from components.image_example_gen import images
from components.image_example_gen.listing import ListedPicture
from components.image_example_gen.outcomes import AcceptedFile, Key, RejectedFile

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
    """Pictures that are converted together, number `index` of `count` such groups."""

    index: int
    count: int
    pictures: tuple[ListedPicture, ...]


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
    split_folders: dict[str, str],
    choose_split: Callable[[ListedPicture, str], str],
    outcome_folder: str,
    on_file: Callable[[], None],
    allow_truncated: bool = False,
    longest_side: int = 0,
) -> None:
    """Converts a shard's pictures and writes the examples, and their outcomes as JSON Lines.

    Safe to repeat, and to run twice at once as some runners do: files are written under a name of
    their own and put in place by a rename, and every run writes the same bytes.

    Args:
        shard: what to convert.
        path: the data folder.
        max_pixels: larger pictures are rejected.
        split_folders: where the records of each split go.
        choose_split: names the split of a picture, given the digest of its pixels.
        outcome_folder: where the outcomes go, and what is not finished yet.
        on_file: called once per picture, for progress.
        allow_truncated: see `bitpipe.pictures.normalise.normalise`.
        longest_side: see there.
    """
    unfinished = tf.io.gfile.join(outcome_folder, uuid.uuid4().hex)
    outcomes: list[str] = []

    def convert(picture: ListedPicture) -> images.Image | RejectedFile:
        try:
            return images.read_image(
                path,
                picture,
                max_pixels,
                allow_truncated=allow_truncated,
                longest_side=longest_side,
            )
        except images.RejectedImageError as error:
            return RejectedFile(storable(picture.path), str(error), error.kind)

    with _Writers(unfinished) as writers:
        results = map_in_order(convert, shard.pictures)
        for picture, result in zip(shard.pictures, results, strict=True):
            outcome: AcceptedFile | RejectedFile
            if isinstance(result, RejectedFile):
                outcome = result
            else:
                example = images.to_example(result)
                split = choose_split(picture, result.sha256)
                writers.write(split, example.SerializeToString(deterministic=True))
                outcome = AcceptedFile(
                    *(result.filename, result.label, split, result.sha256, result.changed),
                    group=picture.group,
                    given=picture.split is not None,
                    look=result.look,
                    width=result.width,
                    height=result.height,
                    single_colour=result.single_colour,
                )
            outcomes.append(json.dumps(asdict(outcome)))
            on_file()
    name = f"{shard.index:05d}-of-{shard.count:05d}"
    for split in writers.splits:
        place = _records_place(split_folders[split], name)
        tf.io.gfile.rename(f"{unfinished}-{split}", place, overwrite=True)
    with tf.io.gfile.GFile(unfinished, "w") as file:
        file.write("\n".join(outcomes))
    place = tf.io.gfile.join(outcome_folder, f"outcomes-{name}.jsonl")
    tf.io.gfile.rename(unfinished, place, overwrite=True)


def read_outcomes(outcome_folder: str) -> Iterator[AcceptedFile | RejectedFile]:
    """What `write` noted of every file, from all shards."""
    for place in _outcome_files(outcome_folder):
        yield from _read_outcomes(place)


def move(splits: Mapping[Key, str], *, split_folders: dict[str, str], outcome_folder: str) -> None:
    """Moves records that `write` wrote to where they belong, each to its place in their order.

    Only shards that hold one are written again. Not safe to repeat: what fails on its way here must
    be ingested anew.

    Args:
        splits: of each record, by its key; one without is removed.
        split_folders: as of `write`.
        outcome_folder: as of `write`, of which what is noted there stays as it is.
    """
    for place in _outcome_files(outcome_folder):
        accepted = [one for one in _read_outcomes(place) if isinstance(one, AcceptedFile)]
        if all(splits.get(one.key) == one.split for one in accepted):
            continue
        name = place.rsplit("/outcomes-", 1)[1].removesuffix(".jsonl")
        places = {split: _records_place(folder, name) for split, folder in split_folders.items()}
        records = {
            split: tf.data.TFRecordDataset(places[split], "GZIP").as_numpy_iterator()
            for split in {one.split for one in accepted}
        }
        unfinished = tf.io.gfile.join(outcome_folder, uuid.uuid4().hex)
        with _Writers(unfinished) as writers:
            for one in accepted:
                record = next(records[one.split])
                if one.key in splits:
                    writers.write(splits[one.key], record)
        for split in records.keys() - writers.splits:
            tf.io.gfile.remove(places[split])
        for split in writers.splits:
            tf.io.gfile.rename(f"{unfinished}-{split}", places[split], overwrite=True)


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


def _records_place(folder: str, name: str) -> str:
    return tf.io.gfile.join(folder, f"data_tfrecord-{name}.gz")


def _outcome_files(outcome_folder: str) -> list[str]:
    return sorted(tf.io.gfile.glob(tf.io.gfile.join(outcome_folder, "outcomes-*.jsonl")))


def _read_outcomes(place: str) -> Iterator[AcceptedFile | RejectedFile]:
    with tf.io.gfile.GFile(place) as file:
        for line in file.read().splitlines():
            values = json.loads(line)
            yield RejectedFile(**values) if "reason" in values else AcceptedFile(**values)


def _order(picture: ListedPicture) -> tuple[bytes, str, str]:
    digest = hashlib.sha256(picture.path.encode("utf-8", "surrogateescape")).digest()
    return digest, picture.label, picture.split or ""


def map_in_order(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """`map` on threads, at most two items per thread ahead of the consumer: memory is bounded."""
    with ThreadPoolExecutor(images.THREADS) as pool:
        running: deque[Future[R]] = deque()
        for item in items:
            running.append(pool.submit(function, item))
            if len(running) == 2 * images.THREADS:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
