"""What a picture looks like, in 200 bytes: by which copies are found that were saved again.

Of our own: the library for it brings SciPy and PyWavelets for four hashes of which one is needed,
and looks for no pairs. A hash alone would not do anyway: of small or simple pictures, such as
handwritten digits, thousands have nearly the same one, so each pair it proposes is compared by
what it shows.
"""

import base64
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

# The usual pHash: the signs, about their median, of the 8 x 8 lowest frequencies of 32 x 32 pixels.
_SIDE, _FREQUENCIES = 32, 8
_COSINES = np.cos(
    np.pi * np.arange(_FREQUENCIES)[:, None] * (2 * np.arange(_SIDE)[None] + 1) / (2 * _SIDE)
).astype(np.float32)

_THUMBNAIL = 8
_HASH_BYTES = 8
_BYTES = _HASH_BYTES + 3 * _THUMBNAIL**2


class Looks(NamedTuple):
    """Of n pictures.

    Attributes:
        hashes: (n,) uint64; near-duplicates differ in few bits.
        thumbnails: (n, 192) uint8, RGB of 8 x 8 pixels.
    """

    hashes: np.ndarray
    thumbnails: np.ndarray


def look(pixels: np.ndarray) -> str:
    """The look of a picture, as text.

    Args:
        pixels: (H, W, 3) uint8, upright.
    """
    picture = Image.fromarray(pixels)
    small = picture.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    frequencies = _COSINES @ np.asarray(small.convert("L"), np.float32) @ _COSINES.T
    # The first is the brightness of all.
    values = frequencies.ravel()[1:]
    signs = values > np.sort(values)[len(values) // 2]  # np.median takes three times as long
    thumbnail = small.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    return base64.b64encode(np.packbits(signs).tobytes() + thumbnail.tobytes()).decode()


def gather(looks: list[str]) -> Looks:
    """The looks of several pictures, in their order."""
    data = b"".join(map(base64.b64decode, looks))
    table = np.frombuffer(data, np.uint8).reshape(-1, _BYTES)
    hashes = np.ascontiguousarray(table[:, :_HASH_BYTES]).view(np.uint64)[:, 0]
    return Looks(hashes, table[:, _HASH_BYTES:])


# Bits of 63 in which hashes of one picture differ, and the correlation of its thumbnails. Measured
# on 153 photographs of tf_flowers and 120 of CIFAR-10 (32 x 32 pixels): saved as JPEG of quality 30
# or 60, or scaled to 75 or 200 %, 95 of 100 and more lie within both, and of 4,335 different ones
# none but a pair of one scene.
_MAX_BITS = 6
_MIN_CORRELATION = 0.985
# Levels of 255 between their mean colours: half as bright or of another colour is another picture.
_MAX_SHIFT = 32

# Of hashes that differ in 6 bits, two of 8 bytes at least are equal.
_TABLES = tuple(itertools.combinations(range(_HASH_BYTES), 2))
# Pictures with which each is compared in one table, of those beside it: bounds the work where very
# many share two bytes, which natural pictures do not.
_NEIGHBOURS = 32
_BATCH = 8192  # pairs compared at a time: 13 MB
_ONES = np.array([bin(value).count("1") for value in range(256)], np.uint8)


def near_pairs(looks: Looks) -> list[tuple[int, int]]:
    """Pairs of pictures that look the same, i < j, sorted.

    Not necessarily all of a crowd: where a, b and c look the same, (a, b) and (b, c) may be told.
    Sorting 28 times makes it near-linear; 100,000 pictures take 3 s and 250 MB.
    """
    hashes, thumbnails = looks
    if len(hashes) < 2:
        return []
    seen = _Thumbnails(thumbnails)
    ranks = np.argsort(hashes, kind="stable")
    parts = hashes[ranks].view(np.uint8).reshape(-1, _HASH_BYTES)
    found: set[tuple[int, int]] = set()
    for one, other in _TABLES:
        key = parts[:, one].astype(np.uint16) << 8 | parts[:, other]
        order = np.argsort(key, kind="stable")  # of 16 bits: a radix sort
        key, at = key[order], ranks[order]
        for step in range(1, min(_NEIGHBOURS, len(key) - 1) + 1):
            same = key[:-step] == key[step:]
            if not same.any():
                break
            found.update(_alike(hashes, seen, at[:-step][same], at[step:][same]))
    return sorted(found)


def _alike(
    hashes: np.ndarray, thumbnails: "_Thumbnails", left: np.ndarray, right: np.ndarray
) -> Iterator[tuple[int, int]]:
    differing = (hashes[left] ^ hashes[right]).view(np.uint8).reshape(-1, _HASH_BYTES)
    near = _ONES[differing].sum(1) <= _MAX_BITS
    left, right = left[near], right[near]
    for start in range(0, len(left), _BATCH):
        a, b = left[start : start + _BATCH], right[start : start + _BATCH]
        unit, colours = thumbnails.normalised(a, b)
        alike = np.einsum("ij,ij->i", unit[a], unit[b]) >= _MIN_CORRELATION
        alike &= np.abs(colours[a] - colours[b]).max(1) <= _MAX_SHIFT
        for i, j in zip(a[alike].tolist(), b[alike].tolist(), strict=True):
            yield (i, j) if i < j else (j, i)


class _Thumbnails:
    """Normalises those that are compared: of photographs, few are."""

    def __init__(self, thumbnails: np.ndarray) -> None:
        self._thumbnails = thumbnails
        count, values = thumbnails.shape
        self._unit = np.zeros((count, values), np.float32)
        self._colours = np.zeros((count, 3), np.float32)
        self._done = np.zeros(count, bool)

    def normalised(self, *wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What `_normalised` makes of all, filled in for those with the wanted numbers."""
        numbers = np.unique(np.concatenate(wanted))
        numbers = numbers[~self._done[numbers]]
        if len(numbers):
            self._unit[numbers], self._colours[numbers] = _normalised(self._thumbnails[numbers])
            self._done[numbers] = True
        return self._unit, self._colours


def _normalised(thumbnails: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Thumbnails without their mean colour, and that: (n, 192) and (n, 3) float32.

    The first has length 1, and is zeros for a picture of one colour.
    """
    values = thumbnails.astype(np.float32).reshape(len(thumbnails), -1, 3)
    colours = values.mean(1)
    values -= colours[:, None]
    values = values.reshape(len(thumbnails), -1)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.maximum(length, 1e-3), colours
