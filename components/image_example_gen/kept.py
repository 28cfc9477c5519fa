"""Records of an earlier ingest, read to be copied."""

import itertools
import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import tensorflow as tf

_log = logging.getLogger(__name__)

_BATCH = 32


def records_place(split_folder: str, shard: int, count: int) -> str:
    """The records file of a shard in a split's folder, as TFX wants it named."""
    return tf.io.gfile.join(split_folder, f"data_tfrecord-{shard:05d}-of-{count:05d}.gz")


@dataclass(frozen=True, slots=True)
class Kept:
    """Where the record of a picture lies already.

    Attributes:
        split: of the earlier examples, in which it lies.
        place: the records file.
        position: in it, from 0.
        checksum: CRC-32 of the record.
    """

    split: str
    place: str
    position: int
    checksum: int


class Records:
    """Reads kept records, of each file in their order and once."""

    def __init__(self) -> None:
        self._files: dict[str, Iterator[tuple[int, bytes]]] = {}

    def read(self, kept: Kept) -> bytes | None:
        """The record; None where it is not what was written, or there no more."""
        if kept.place not in self._files:
            self._files[kept.place] = _numbered(kept.place)
        for position, record in self._files[kept.place]:
            if position == kept.position and zlib.crc32(record) == kept.checksum:
                return record
            if position >= kept.position:
                break
        _log.warning("Record %d of %s is damaged or gone.", kept.position, kept.place)
        return None


def _numbered(place: str) -> Iterator[tuple[int, bytes]]:
    """The records of a file up to its end, or to where it is damaged."""
    try:
        batches = tf.data.TFRecordDataset(place, "GZIP").batch(_BATCH).as_numpy_iterator()
        yield from enumerate(itertools.chain.from_iterable(batches))
    except (tf.errors.OpError, OSError):
        return
