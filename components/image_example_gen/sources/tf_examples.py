"""Where the values of a tf.Example lie in a TFRecord file; standard library only.

TensorFlow would take seconds to import before a folder can be checked, and would copy every picture
to look at its label. Here the pictures are stepped over.
"""

import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple, Protocol, overload

# TFRecord: length, a checksum of it, the record, a checksum of that.
_LENGTH = struct.Struct("<Q4x")
_FOOT_BYTES = 4

_PAGE_BYTES = 4 << 20

# Protocol buffers: wire types, and the fields of tensorflow/core/example/{example,feature}.proto.
_VARINT, _FIXED_64, _LEN, _FIXED_32 = 0, 1, 2, 5
_FEATURES, _ENTRY, _KEY, _VALUE = 1, 1, 1, 2
_BYTES_LIST, _INT64_LIST = 1, 3
_ITEM = 1


class Readable(Protocol):
    """A file's bytes: `bytes`, a memory map, or `Paged`."""

    def __len__(self) -> int: ...

    @overload
    def __getitem__(self, key: int) -> int: ...

    @overload
    def __getitem__(self, key: slice) -> bytes: ...


class Paged:
    """The bytes of a file that is no file of this machine's disks, a part of it in memory.

    Args:
        read: (position, size) -> the bytes there.
        size: of the file.
    """

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self._size = size
        # Two, for what begins on one and ends on the next.
        self._page = lru_cache(maxsize=2)(lambda number: read(number * _PAGE_BYTES, _PAGE_BYTES))

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, key: int) -> int: ...

    @overload
    def __getitem__(self, key: slice) -> bytes: ...

    def __getitem__(self, key: int | slice) -> int | bytes:
        if isinstance(key, int):
            number, at = divmod(key, _PAGE_BYTES)
            return self._page(number)[at]
        start, stop, _ = key.indices(self._size)
        pages = range(start // _PAGE_BYTES, -(-stop // _PAGE_BYTES))
        together = b"".join(map(self._page, pages))
        skipped = start // _PAGE_BYTES * _PAGE_BYTES
        return together[start - skipped : stop - skipped]


class DamagedRecordError(ValueError):
    """Bytes that are no TFRecord of tf.Examples; the message says where."""


class Value(NamedTuple):
    """The first value of a feature.

    Attributes:
        start: position of its bytes in the file; -1 where it is a number.
        size: of its bytes.
        number: the value of an int64 feature.
    """

    start: int
    size: int
    number: int = 0


def examples(data: Readable) -> Iterator[tuple[int, dict[str, Value]]]:
    """Position and features of each example in a whole file, those with bytes or an int64.

    Raises:
        DamagedRecordError: the file ends in the middle, or holds something else.
    """
    at = 0
    while at < len(data):
        if at + _LENGTH.size > len(data):
            raise DamagedRecordError(f"it ends in the middle of a record at byte {at}")
        (length,) = _LENGTH.unpack(data[at : at + _LENGTH.size])
        start = at + _LENGTH.size
        end = start + length
        if end + _FOOT_BYTES > len(data):
            raise DamagedRecordError(f"there is no whole record at byte {at}")
        try:
            features = _features(data, start, end)
        except (IndexError, ValueError) as error:
            raise DamagedRecordError(f"the record at byte {at} is no tf.Example") from error
        yield at, features
        at = end + _FOOT_BYTES


def _features(data: Readable, start: int, end: int) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for field, at, until in _parts(data, start, end):
        if field != _FEATURES:
            continue
        for entry, inner, stop in _parts(data, at, until):
            if entry == _ENTRY:
                name, value = _entry(data, inner, stop)
                if value is not None:
                    found[name] = value
    return found


def _entry(data: Readable, start: int, end: int) -> tuple[str, Value | None]:
    name, value = "", None
    for field, at, until in _parts(data, start, end):
        if field == _KEY:
            name = bytes(data[at:until]).decode()
        elif field == _VALUE:
            for kind, inner, stop in _parts(data, at, until):
                if kind == _BYTES_LIST:
                    items = _parts(data, inner, stop)
                    value = next((Value(a, b - a) for item, a, b in items if item == _ITEM), None)
                elif kind == _INT64_LIST:
                    value = _number(data, inner, stop)
    return name, value


def _number(data: Readable, start: int, end: int) -> Value | None:
    if start == end:
        return None
    tag, at = _varint(data, start, end)
    if tag & 7 == _LEN:  # packed
        size, at = _varint(data, at, end)
        if not size:
            return None
    number, _ = _varint(data, at, end)
    return Value(-1, 0, number - 2**64 if number >= 2**63 else number)


def _parts(data: Readable, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of each length-delimited field; others are stepped over."""
    at = start
    while at < end:
        tag, at = _varint(data, at, end)
        kind = tag & 7
        if kind == _LEN:
            size, at = _varint(data, at, end)
            if at + size > end:
                raise ValueError
            yield tag >> 3, at, at + size
            at += size
        elif kind == _VARINT:
            _, at = _varint(data, at, end)
        elif kind in (_FIXED_64, _FIXED_32):
            at += 8 if kind == _FIXED_64 else 4
        else:
            raise ValueError
    if at != end:
        raise ValueError


def _varint(data: Readable, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= end or shift > 63:
            raise ValueError
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
