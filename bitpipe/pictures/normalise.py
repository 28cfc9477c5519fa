"""The bytes a model is fed: upright JPEG or PNG which every decoder of TensorFlow reads alike.

Ingest and the clients both pass pictures through `normalise`, so that a model sees at serving what
it saw at training. TensorFlow ignores the EXIF orientation, and TensorFlow 2.16 reads no WebP.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image, UnidentifiedImageError

from bitpipe.errors import UnreadablePictureError
from bitpipe.pictures import headers
from bitpipe.pictures.decoder import open_picture
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


def normalise(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Returns the picture as upright JPEG or PNG, byte for byte where it is so already.

    Everything else is re-encoded: JPEG (quality 95, 4:4:4) where the source is lossy, PNG where it
    is not. Of an animation the first frame is taken; colour profiles are ignored, as TensorFlow
    ignores them.

    Args:
        data: a whole file.
        max_pixels: pictures with more pixels are refused before they are decoded.

    Raises:
        UnreadablePictureError: empty, truncated, damaged, too large or not a picture.
    """
    if not data:
        raise UnreadablePictureError("the file is empty")
    # Before Pillow opens it: an icon it decodes at once, a GIF it holds against its own limit.
    _check_size(headers.size(data), max_pixels)
    try:
        with open_picture(data) as image:
            _check_size(image.size, max_pixels)
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
        raise UnreadablePictureError(str(error)) from error
    except Image.DecompressionBombError as error:  # see `open_picture`
        raise UnreadablePictureError("it unfolds to more pixels than Pillow reads") from error
    # Pillow's plugins let through whatever broken bytes lead to: struct.error, IndexError, ...
    except Exception as error:
        raise UnreadablePictureError(_reason(error)) from error


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise UnreadablePictureError(f"it has {width}x{height} pixels, more than {max_pixels}")


def _check_png_chunks(data: bytes) -> None:
    """Raises if a checksum is wrong: Pillow skips those of the pixels, TensorFlow does not."""
    with open_picture(data, ("PNG",)) as image:
        image.verify()
    if _PNG_END not in data:
        raise UnreadablePictureError("the file is truncated")


def _orientation(image: Image.Image) -> Any:
    try:
        return image.getexif().get(_ORIENTATION, 1)
    # A picture whose pixels are whole is not refused for a garbled EXIF block.
    except Exception:
        return 1


def _passes(image: Image.Image, source: str, data: bytes) -> bool:
    if source == "JPEG":
        return image.mode in ("L", "RGB") and headers.is_regular_jpeg(data)
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
