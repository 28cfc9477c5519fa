"""Refuses encoded pictures that would take too much memory, by their headers."""

import io
import re
import struct
from typing import Any

import numpy as np
from PIL import Image

from serving.server.batching import at_row
from serving.server.options import Limits
from serving.status import InvalidArgumentError

# What TensorFlow decodes (tf.io.decode_image). Anything else is refused by the model itself.
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM")
_PNG_HEADER = struct.Struct(">8x8xII")  # PNG 3rd edition, 11.2.1: signature, IHDR's head, sizes
# JPEG (ITU T.81, B.1.1): a marker is 0xFF, repeated at will, and a code; like libjpeg, on which
# TensorFlow relies, this passes over anything between the segments.
_JPEG_MARKER = re.compile(rb"\xff+([\x01-\xfe])")
_JPEG_FRAME = struct.Struct(">2xxHH")  # B.2.2: length, precision, height, width
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9
_FORMATS = ("GIF", "BMP")


def check(inputs: tuple[np.ndarray, ...], limits: Limits) -> list[int]:
    """Checks the arrays of a request; returns the pixels in each row, by the headers of pictures.

    Raises:
        InvalidArgumentError: too many rows, or a picture of too many pixels, with its
            index.
    """
    pixels = [0] * max((len(array) if array.ndim else 1 for array in inputs), default=0)
    for array in inputs:
        rows = len(array) if array.ndim else 1
        if rows > limits.max_rows:
            raise InvalidArgumentError(
                f"A request may hold {limits.max_rows} inputs. Received: {rows}. Send fewer."
            )
        if array.dtype == object:
            for index, value in enumerate(array.flat):
                row = index * rows // array.size
                pixels[row] += _checked_pixels(value, index, rows, limits.max_pixels)
    return pixels


def _checked_pixels(data: Any, index: int, rows: int, max_pixels: int) -> int:
    pixels = count_pixels(data)
    if pixels > max_pixels:
        error = InvalidArgumentError(
            f"A picture may have {max_pixels} pixels. Received: {pixels}. Make it smaller"
        )
        raise at_row(index, rows, error) if rows > 1 else error
    return pixels


def count_pixels(data: bytes) -> int:
    """Width x height by the header of a PNG, JPEG, GIF or BMP; 0 for anything else."""
    if not data.startswith(_MAGIC):
        return 0
    if data.startswith(_MAGIC[0]):
        if len(data) < _PNG_HEADER.size:
            return 0
        width, height = _PNG_HEADER.unpack_from(data)
        return int(width * height)
    if data.startswith(_MAGIC[1]):
        return _count_jpeg_pixels(data)
    try:
        # Reads the header alone. Pillow warns and refuses above limits of its own.
        width, height = Image.open(io.BytesIO(data), formats=_FORMATS).size
    except Image.DecompressionBombError:
        return 2**62
    except Exception:  # broken in one of many ways, which the model's decoder will name
        return 0
    return int(width * height)


def _count_jpeg_pixels(data: bytes) -> int:
    """By the first frame's header: opening each picture with Pillow would cost 0.1 ms."""
    position = 2
    while marker := _JPEG_MARKER.search(data, position):
        code, position = marker[1][0], marker.end()
        if code in _JPEG_FRAMES:
            if len(data) < position + _JPEG_FRAME.size:
                return 0
            height, width = _JPEG_FRAME.unpack_from(data, position)
            return int(height * width)
        if code in (_JPEG_SCAN, _JPEG_END):
            return 0
        if code not in _JPEG_WITHOUT_LENGTH:
            position += max(2, int.from_bytes(data[position : position + 2], "big"))
    return 0
