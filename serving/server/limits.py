"""Refuses encoded pictures that would take too much memory, by their headers."""

import io
import struct
from typing import Any

import numpy as np
from PIL import Image

from serving.server.batching import at_row
from serving.server.options import Limits
from serving.server.status import invalid

# What TensorFlow decodes (tf.io.decode_image). Anything else is refused by the model itself.
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM")
_PNG_HEADER = struct.Struct(">8x8xII")  # PNG 3rd edition, 11.2.1: signature, IHDR's head, sizes
_FORMATS = ("JPEG", "GIF", "BMP")


def check(inputs: tuple[np.ndarray, ...], limits: Limits) -> None:
    """Checks the arrays of a request.

    Raises:
        tf.errors.InvalidArgumentError: too many rows, or a picture of too many pixels, with its
            index.
    """
    for array in inputs:
        rows = len(array) if array.ndim else 1
        if rows > limits.max_rows:
            raise invalid(
                f"A request may hold {limits.max_rows} inputs. Received: {rows}. Send fewer."
            )
        if array.dtype == object:
            for index, value in enumerate(array.flat):
                _check_picture(value, index, rows, limits.max_pixels)


def _check_picture(data: Any, index: int, rows: int, max_pixels: int) -> None:
    pixels = count_pixels(data)
    if pixels > max_pixels:
        error = invalid(
            f"A picture may have {max_pixels} pixels. Received: {pixels}. Make it smaller"
        )
        raise at_row(index, rows, error) if rows > 1 else error


def count_pixels(data: bytes) -> int:
    """Width x height by the header of a PNG, JPEG, GIF or BMP; 0 for anything else."""
    if not data.startswith(_MAGIC):
        return 0
    if data.startswith(_MAGIC[0]):
        if len(data) < _PNG_HEADER.size:
            return 0
        width, height = _PNG_HEADER.unpack_from(data)
        return int(width * height)
    try:
        # Reads the header alone. Pillow warns and refuses above limits of its own.
        width, height = Image.open(io.BytesIO(data), formats=_FORMATS).size
    except Image.DecompressionBombError:
        return 2**62
    except Exception:  # broken in one of many ways, which the model's decoder will name
        return 0
    return int(width * height)
