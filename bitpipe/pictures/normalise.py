"""The bytes a model is fed: upright JPEG or PNG which every decoder of TensorFlow reads alike.

Ingest and the clients both pass pictures through `normalise`, so that a model sees at serving what
it saw at training. TensorFlow ignores the EXIF orientation, and TensorFlow 2.16 reads no WebP.
"""

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from bitpipe.errors import UnreadablePictureError
from bitpipe.pictures.formats import FORMATS
from bitpipe.pictures.limits import MAX_PIXELS

_LOSSY = frozenset({"JPEG", "WEBP", "AVIF"})

_ORIENTATION = 0x0112  # EXIF 2.32, section 4.6.4; 1 is upright, what is not listed is not defined
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Samples which PNG stores as they are. The rest becomes RGB; alpha is dropped, not blended, because
# `tf.io.decode_image(channels=3)` does so with the PNG files that pass through unchanged.
_GREY = {"1": "L", "L": "L", "LA": "L", "La": "L", "I;16": "I;16", "I;16L": "I;16", "I;16B": "I;16"}
_NO_RANGE = frozenset({"I", "F"})

_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
# JPEG (ITU T.81, B.1.1): a marker is 0xFF, repeated at will, and a code; between the pixels' bytes
# 0xFF00 stands for the value 0xFF, and 0xFFD0 to 0xFFD7 only let a decoder start anew.
_JPEG_MARKER = re.compile(rb"\xff+([\x01-\xfe])")
_JPEG_MARKER_AFTER_PIXELS = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")
_JPEG_SCAN, _JPEG_END = b"\xda", b"\xd9"


@dataclass(frozen=True)
class Picture:
    """An encoded picture.

    Attributes:
        data: JPEG or PNG bytes; what the viewer should see without any turning.
        height: pixels.
        width: pixels.
        format: "JPEG" or "PNG".
        changed: whether `data` differs from the bytes received.
    """

    data: bytes
    height: int
    width: int
    format: str
    changed: bool


def read(path: Path) -> bytes:
    """The bytes of a picture file, as `normalise` makes them.

    Raises:
        UnreadablePictureError: the file is missing or not a picture; bears its path.
    """
    try:
        return normalise(path.read_bytes()).data
    except OSError as error:
        raise UnreadablePictureError(str(error.strerror or error), path) from error
    except UnreadablePictureError as error:
        raise UnreadablePictureError(error.reason, path) from error


def normalise(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Returns the picture as upright JPEG or PNG, byte for byte where it is so already.

    Everything else is re-encoded: JPEG (quality 95, 4:4:4) where the source is lossy, PNG where it
    is not. Of an animation the first frame is taken; colour profiles are ignored, as TensorFlow
    ignores them.

    Args:
        data: a whole file.
        max_pixels: pictures with more pixels are refused before they are decoded. Pillow's own
            limit, twice `PIL.Image.MAX_IMAGE_PIXELS`, cannot be exceeded.

    Raises:
        UnreadablePictureError: empty, truncated, damaged, too large or not a picture.
    """
    if not data:
        raise UnreadablePictureError("the file is empty")
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _check_size(image, max_pixels)
            if image.format == "PNG":
                _check_png_chunks(data)
            image.load()
            source = "JPEG" if image.format == "MPO" else str(image.format)
            turn = _UPRIGHT.get(_orientation(image))
            if turn is None and _passes(image, source, data):
                return Picture(data, image.height, image.width, source, changed=False)
            return _encode(image if turn is None else image.transpose(turn), source, data)
    except UnreadablePictureError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadablePictureError(f"it is none of {', '.join(FORMATS)}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadablePictureError(f"it has more than {max_pixels} pixels") from error
    # Pillow's plugins let through whatever broken bytes lead to: struct.error, IndexError, ...
    except Exception as error:
        raise UnreadablePictureError(_reason(error)) from error


def _check_size(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise UnreadablePictureError(
            f"it has {image.width}x{image.height} pixels, more than {max_pixels}"
        )


def _check_png_chunks(data: bytes) -> None:
    """Raises if a checksum is wrong: Pillow skips those of the pixels, TensorFlow does not."""
    with Image.open(BytesIO(data), formats=("PNG",)) as image:
        image.verify()
    if _PNG_END not in data:
        raise UnreadablePictureError("the file is truncated")


def _is_regular_jpeg(data: bytes) -> bool:
    """Whether markers and segments follow one another as they must, up to the end marker.

    Pillow forgives what makes TensorFlow refuse the file, such as a missing end.
    """
    position = 2  # the start marker, of which Pillow has made sure
    while (marker := _JPEG_MARKER.match(data, position)) is not None:
        if marker[1] == _JPEG_END:
            return True
        length = data[marker.end() : marker.end() + 2]
        position = marker.end() + max(2, int.from_bytes(length, "big"))
        if marker[1] == _JPEG_SCAN:
            next_marker = _JPEG_MARKER_AFTER_PIXELS.search(data, position)
            if next_marker is None:
                return False
            position = next_marker.start()
    return False


def _orientation(image: Image.Image) -> Any:
    try:
        return image.getexif().get(_ORIENTATION, 1)
    # A picture whose pixels are whole is not refused for a garbled EXIF block.
    except Exception:
        return 1


def _passes(image: Image.Image, source: str, data: bytes) -> bool:
    if source == "JPEG":
        return image.mode in ("L", "RGB") and _is_regular_jpeg(data)
    return source == "PNG" and not getattr(image, "is_animated", False)


def _encode(image: Image.Image, source: str, data: bytes) -> Picture:
    if image.mode in _NO_RANGE:
        raise UnreadablePictureError("32-bit samples have no defined black and white")
    image = image.convert(_GREY.get(image.mode, "RGB"))
    image.info = {}  # profiles, text and EXIF would be written along
    buffer = BytesIO()
    if source in _LOSSY and not _is_lossless_webp(data):
        image.save(buffer, "JPEG", quality=95, subsampling=0)
        encoded = "JPEG"
    else:
        image.save(buffer, "PNG")
        encoded = "PNG"
    return Picture(buffer.getvalue(), image.height, image.width, encoded, changed=True)


def _is_lossless_webp(data: bytes) -> bool:
    return data[8:16] == b"WEBPVP8L"


def _reason(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "truncated" in text.lower():
        return "the file is truncated"
    return f"the file is damaged ({text})"
