"""Records of an earlier ingest, read to be copied."""

import contextlib
import gzip
import logging
import struct
import zlib
from collections.abc import Iterator

import msgspec
import tensorflow as tf

_log = logging.getLogger(__name__)

# TFRecord: a record's size and a checksum of it, the record, and a checksum of that.
_HEAD = struct.Struct("<Q4x")
_CHECKSUM_BYTES = 4
# More than any example has: a damaged size must not be asked for.
_MOST_BYTES = 2**31


def records_place(split_folder: str, shard: int, count: int) -> str:
    """The records file of a shard in a split's folder, as TFX wants it named."""
    return tf.io.gfile.join(split_folder, f"data_tfrecord-{shard:05d}-of-{count:05d}.gz")


class Kept(msgspec.Struct, frozen=True, gc=False):
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
            self._files[kept.place] = _up_to_damage(kept.place)
        for position, record in self._files[kept.place]:
            if position == kept.position and zlib.crc32(record) == kept.checksum:
                return record
            if position >= kept.position:
                break
        _log.warning("Record %d of %s is damaged or gone.", kept.position, kept.place)
        return None


def read_records(place: str) -> Iterator[bytes]:
    """The records of a file, in their order.

    In Python: tf.data takes longer to begin with a file than this does to read it (1 MB: 30 ms
    against 5 ms). Checksums of the records are left to who knows them already.

    Raises:
        OSError, EOFError, zlib.error, tf.errors.OpError: the file is damaged, cut or gone.
    """
    with tf.io.gfile.GFile(place, "rb") as packed, gzip.GzipFile(fileobj=packed) as file:
        while head := file.read(_HEAD.size):
            (size,) = _HEAD.unpack(head.ljust(_HEAD.size, b"\xff"))
            if size > _MOST_BYTES:
                raise EOFError(f"a record of {size} bytes in {place}")
            record = file.read(size)
            if len(record) < size or len(file.read(_CHECKSUM_BYTES)) < _CHECKSUM_BYTES:
                raise EOFError(f"{place} ends amid a record")
            yield record


def _up_to_damage(place: str) -> Iterator[tuple[int, bytes]]:
    """The records of a file with their positions, up to its end or to where it is damaged."""
    with contextlib.suppress(tf.errors.OpError, OSError, EOFError, zlib.error):
        yield from enumerate(read_records(place))
