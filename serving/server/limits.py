"""Refuses encoded pictures that would take too much memory, by their headers."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from bitpipe.pictures.headers import count_pixels
from serving.server.batching import at_row
from serving.server.options import Limits
from serving.status import InvalidArgumentError


def _itself(value: Any) -> Iterable[Any]:
    return (value,)


def check(
    inputs: tuple[np.ndarray, ...],
    limits: Limits,
    pictures_in: Callable[[Any], Iterable[Any]] = _itself,
) -> list[int]:
    """Checks the arrays of a request; returns the pixels in each row, by the headers of pictures.

    Args:
        inputs: of the request.
        limits: that it must keep.
        pictures_in: the pictures in a value of an array of strings.

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
                for picture in pictures_in(value):
                    pixels[row] += _checked_pixels(picture, index, rows, limits.max_pixels)
    return pixels


def _checked_pixels(data: Any, index: int, rows: int, max_pixels: int) -> int:
    pixels = count_pixels(data)
    if pixels > max_pixels:
        error = InvalidArgumentError(
            f"A picture may have {max_pixels} pixels. Received: {pixels}. Make it smaller"
        )
        raise at_row(index, rows, error) if rows > 1 else error
    return pixels
