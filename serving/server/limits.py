"""Refuses encoded pictures that would take too much memory or time, by their headers."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np

from bitpipe.model.signature import IMAGE
from bitpipe.pictures import headers
from bitpipe.pictures.limits import MAX_SCANS
from serving.server import admission
from serving.server.batching import at_row
from serving.server.options import Limits
from serving.status import InvalidArgumentError

# What some TensorFlow decodes although the signature does not promise it: magic -> (place, name).
# Any picture of a GIF may be the largest one; WebP has three kinds of header.
_UNCOUNTED = {b"GIF8": (0, "GIF"), b"WEBP": (8, "WebP")}


def _itself(value: Any) -> Iterable[Any]:
    return (value,)


def check(
    inputs: tuple[np.ndarray, ...],
    limits: Limits,
    pictures_in: Callable[[Any], Iterable[Any]] = _itself,
    *,
    names: Collection[str] = (),
) -> list[int]:
    """Checks the arrays of a request; returns the pixels in each row, by the headers of pictures.

    Args:
        inputs: of the request.
        limits: that it must keep.
        pictures_in: what may be pictures in a value of an array of strings.
        names: of the inputs. The one that the signature promises pictures in takes JPEG and PNG
            alone: no other format is counted as its decoders read it. In others, which may hold
            texts, only what is certainly a picture of another format is refused.

    Raises:
        InvalidArgumentError: too many rows, or a picture of too many pixels or scans, or of a
            size that cannot be told, with its index.
    """
    pixels = [0] * max((len(array) if array.ndim else 1 for array in inputs), default=0)
    for array, name in zip(inputs, names or [""] * len(inputs), strict=True):
        rows = len(array) if array.ndim else 1
        admission.check_rows(rows, limits)
        if array.dtype == object:
            for index, value in enumerate(array.flat):
                row = index * rows // array.size
                try:
                    for picture in pictures_in(value):
                        pixels[row] += _checked_pixels(picture, limits.max_pixels, name == IMAGE)
                except InvalidArgumentError as error:
                    raise at_row(index, rows, error) if rows > 1 else error from None
    return pixels


def _checked_pixels(data: Any, max_pixels: int, is_picture: bool) -> int:
    pixels = headers.count_pixels(data)
    if not data.startswith((headers.JPEG_MAGIC, headers.PNG_MAGIC)):
        form = next((n for m, (at, n) in _UNCOUNTED.items() if data[at : at + 4] == m), None)
        if form or is_picture:
            raise InvalidArgumentError(
                f"Unknown image file format. One of JPEG, PNG required. Received: "
                f"{form or 'neither'}. Convert it, as `bitpipe predict` does"
            )
    elif not pixels:
        raise InvalidArgumentError(
            "The picture's size cannot be read from its header. Received: a damaged file, or one "
            "without pixels. Send another"
        )
    if pixels > max_pixels:
        raise InvalidArgumentError(
            f"A picture may have {max_pixels} pixels. Received: {pixels}. Make it smaller"
        )
    if headers.has_more_scans(data, MAX_SCANS):
        raise InvalidArgumentError(
            f"A JPEG picture may have {MAX_SCANS} scans. Received: more. Save it again"
        )
    return pixels
