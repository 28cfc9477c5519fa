"""Bytes and pictures that are broken in one of many ways, chosen by a random generator."""

from __future__ import annotations

import functools
import io
import random
import struct
import zlib
from collections.abc import Callable

from PIL import Image

from benchmarks.serving import pictures
from bitpipe.pictures import headers

MOST_CHANGES = 8
MOST_INSERTED = 64

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_MAGICS = (_PNG_MAGIC, b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"GIF89a", b"BM", b"RIFF\x24\0\0\0WEBP")
_JPEG_SIZES = b"\xff\xc0\x00\x11\x08"  # ITU T.81, B.2.2: baseline frame; two sizes follow
# Just below the server's limit of pixels, and far above it.
_SIDES = (9_600, 10_000, 10_100, 30_000, 65_535)
_MANY_FRAMES = 40


def mutate(data: bytes, rng: random.Random) -> bytes:
    """The bytes with some flipped, cut off, inserted, doubled or exchanged."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, MOST_CHANGES)):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(changed):
                changed[at] = rng.choice((0x00, 0x7F, 0x80, 0xFF))
            case 2 if rng.random() < 0.3:
                del changed[at:]
            case 3:
                changed[at:at] = rng.randbytes(rng.randint(1, MOST_INSERTED))
            case 4:
                end = min(len(changed), at + rng.randint(1, MOST_INSERTED))
                changed[at:at] = changed[at:end]
            case 5:
                del changed[at : at + rng.randint(1, MOST_INSERTED)]
    return bytes(changed)


def picture(rng: random.Random) -> bytes:
    """A file that is broken, empty or no picture."""
    match rng.randrange(8):
        case 0:
            return b""
        case 1:
            return rng.randbytes(rng.randint(1, 2_000))
        case 2:
            return rng.choice(_MAGICS) + rng.randbytes(rng.randint(0, 200))
        case 3:
            whole = _whole(rng.randrange(8))
            return whole[: rng.randrange(len(whole))]
        case _:
            return mutate(_whole(rng.randrange(8)), rng)


def bomb(rng: random.Random) -> bytes:
    """A small file that claims to be, or is, very large when decoded."""
    return rng.choice(_BOMBS)(rng)


@functools.cache
def _whole(seed: int) -> bytes:
    form = ("JPEG", "PNG", "GIF", "BMP")[seed % 4]
    return pictures.encode(seed, (48, 40), form)


def _png(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)  # one bit of grey
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return _PNG_MAGIC + b"".join(parts)


@functools.cache
def _blank_png(side: int) -> bytes:
    """Really of that size: a thousand times smaller in the file than one byte a pixel."""
    row = bytes(1 + (side + 7) // 8)
    return _png(side, side, zlib.compress(row * side, 9))


def largest() -> bytes:
    """The largest picture that the server decodes."""
    return _blank_png(_SIDES[1])


def many_scans(progressive: bytes, more: int) -> bytes:
    """A progressive JPEG whose last scan comes `more` times more often than it did."""
    segments = list(headers.jpeg_segments(progressive))
    end = segments[-1].body - 2
    last = max(s.body - 2 for s in segments if progressive[s.body - 2 : s.body] == b"\xff\xda")
    return progressive[:end] + progressive[last:end] * more + progressive[end:]


@functools.cache
def slow_jpeg(side: int, scans: int = 1_000) -> bytes:
    """A blank square of `side` pixels whose scans keep a decoder busy."""
    buffer = io.BytesIO()
    Image.new("L", (side, side), 200).save(buffer, "JPEG", progressive=True)
    return many_scans(buffer.getvalue(), scans)


def second_frame(side: int) -> bytes:
    """A GIF whose first picture has one pixel, and whose second one says to have far more."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(3) + b"\xff" * 3
    frames = (
        b"," + struct.pack("<HHHHB", 0, 0, size, size, 0) + b"\2\2\x44\1\0" for size in (1, side)
    )
    return screen + b"".join(frames) + b";"


def _two_sizes(_: random.Random) -> bytes:
    return second_frame(_SIDES[2])


def _huge_png(rng: random.Random) -> bytes:
    width, height = rng.choice((0, 1, 2**31 - 1, 2**32 - 1)), rng.choice((0, 1, 2**31, 2**32 - 1))
    return _png(width, height, zlib.compress(bytes(64)))


def _real_png(rng: random.Random) -> bytes:
    return _blank_png(rng.choice(_SIDES[:3]))


def _huge_jpeg(rng: random.Random) -> bytes:
    data = bytearray(pictures.encode(0, (48, 40)))
    at = data.index(_JPEG_SIZES) + len(_JPEG_SIZES)
    data[at : at + 4] = struct.pack(">HH", rng.choice(_SIDES), rng.choice(_SIDES))
    return bytes(data)


def _huge_gif(rng: random.Random) -> bytes:
    data = bytearray(pictures.encode(2, (48, 40), "GIF"))
    data[6:10] = struct.pack("<HH", rng.choice(_SIDES), rng.choice(_SIDES))
    return bytes(data)


@functools.cache
def many_frames(frames: int, side: int) -> bytes:
    """A GIF of blank frames in turn of two colours, since equal ones would be left out."""
    images = [Image.new("L", (side, side), 255 * (number % 2)) for number in range(frames)]
    buffer = io.BytesIO()
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:])
    return buffer.getvalue()


def _animation(_: random.Random) -> bytes:
    return many_frames(_MANY_FRAMES, 1_000)


def _huge_bmp(rng: random.Random) -> bytes:
    data = bytearray(pictures.encode(3, (48, 40), "BMP"))
    sizes = (-(2**31), -1, 0, 1, 30_000, 2**31 - 1)
    data[18:26] = struct.pack("<ii", rng.choice(sizes), rng.choice(sizes))
    return bytes(data)


_BOMBS: tuple[Callable[[random.Random], bytes], ...] = (
    _huge_png,
    _real_png,
    _huge_jpeg,
    _huge_gif,
    _animation,
    _two_sizes,
    _huge_bmp,
)
