"""The bytes a model is fed: JPEG or PNG which every decoder of TensorFlow reads as people see it.

Ingest and the clients both pass pictures through `normalise`, so that a model sees at serving what
it saw at training. TensorFlow ignores the EXIF orientation and the colour profile, and TensorFlow
2.16 reads no WebP.
"""

import re
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from bitpipe.errors import UnreadablePictureError
from bitpipe.pictures import colours, headers, samples, scaling, strangers, transparency
from bitpipe.pictures.decoder import open_picture
from bitpipe.pictures.limits import MAX_PIXELS, MAX_SCANS

_LOSSY = frozenset({"JPEG", "WEBP", "AVIF", "HEIF"})

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

# What is stored without colours; all else becomes RGB.
_GREY = frozenset({"1", "L", "LA", "La"})

# How Pillow's plugins say that it is not the file which is to blame, and that it ends too early.
_UNSUPPORTED = re.compile(r"unsupported|not supported|not available|unknown (?!error)", re.I)
_TRUNCATED = re.compile(r"truncated|unexpected end of file", re.I)

_JPEG_SCAN, _JPEG_END = b"\xff\xda", b"\xff\xd9"
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


def normalise(
    data: bytes,
    *,
    max_pixels: int = MAX_PIXELS,
    allow_truncated: bool = False,
    longest_side: int = 0,
) -> Picture:
    """Returns the picture as upright JPEG or PNG, byte for byte where that shows what people see.

    Everything else is re-encoded, as "L" or "RGB" with 8 bits: JPEG (quality 95, 4:4:4) where the
    source is lossy, PNG where it is not. Turned pictures are made upright, transparent ones shown
    on white, colour profiles other than sRGB converted, samples of 16 bits halved. Of an animation
    the first frame is taken.

    Args:
        data: a whole file.
        max_pixels: pictures with more pixels are refused before they are decoded.
        allow_truncated: takes what there is of a JPEG file that ends too early, the rest grey.
        longest_side: larger pictures are scaled down, see `scaling`; 0 for none.

    Raises:
        UnreadablePictureError: empty, truncated, damaged, too large, not a picture, of a kind that
            nothing here decodes, or such that nothing of it could be seen.
    """
    if not data:
        raise UnreadablePictureError("the file is empty", kind="empty")
    # Before Pillow opens it: an icon it decodes at once, a GIF it holds against its own limit.
    _check_size(headers.size(data), max_pixels)
    if headers.has_more_scans(data, MAX_SCANS):
        raise UnreadablePictureError(
            f"it has more than {MAX_SCANS} scans, as no camera writes", kind="too_large"
        )
    try:
        with open_picture(data) as image:
            _check_size(image.size, max_pixels)
            if raw := strangers.raw_in_tiff(image, data):
                raise UnreadablePictureError(f"it is {raw}", kind="unsupported")
            if image.format == "PNG":
                _check_png_chunks(data)
            target = scaling.scaled_size(image.size, longest_side)
            if target != image.size:
                scaling.draft(image, target)
            image.load()
            return _normalised(image, data, target)
    except UnreadablePictureError:
        raise
    except UnidentifiedImageError as error:
        name, is_raw = strangers.named(data)
        raise UnreadablePictureError(
            f"it is {name}" if name else str(error),
            kind="unsupported" if is_raw else "not_a_picture",
        ) from error
    except Image.DecompressionBombError as error:  # see `open_picture`
        raise UnreadablePictureError(
            "it unfolds to more pixels than Pillow reads", kind="too_large"
        ) from error
    # Pillow's plugins let through whatever broken bytes lead to: struct.error, IndexError, ...
    except Exception as error:
        told = _explained(error)
        if allow_truncated and told.kind == "truncated":
            return _mended(data, told, longest_side)
        raise told from error


def _normalised(image: ImageFile, data: bytes, target: tuple[int, int]) -> Picture:
    source = "JPEG" if image.format == "MPO" else str(image.format)
    turn = _UPRIGHT.get(_orientation(image))
    # A reduced decoding has a size of its own.
    is_scaled = image.size != target
    shown, is_stored_so = _as_seen(image, data)
    if is_stored_so and turn is None and not is_scaled and _passes(image, source, data):
        return Picture(data, image.height, image.width, source, changed=False)
    return _encode(shown, source, data, target, turn)


def _mended(data: bytes, told: UnreadablePictureError, longest_side: int) -> Picture:
    """What there is of a truncated JPEG file; raises what was `told` where that is nothing."""
    # A block of 8 x 8 pixels takes half a byte at least: with less, most of it would be made up.
    width, height = headers.size(data)
    coded = len(data) - data.find(_JPEG_SCAN)
    if not data.startswith(headers.JPEG_MAGIC) or 4 * coded < width * height // 64:
        raise told
    try:
        with open_picture(data + _JPEG_END, ("JPEG",)) as image:
            image.load()
            shown, _ = _as_seen(image, data)
            turn = _UPRIGHT.get(_orientation(image))
    except Exception as error:  # as in `normalise`
        raise told from error
    return _encode(shown, "JPEG", data, scaling.scaled_size(shown.size, longest_side), turn)


def _as_seen(image: ImageFile, data: bytes) -> tuple[Image.Image, bool]:
    """What a viewer shows, not turned; and whether TensorFlow sees that in the samples as stored.

    Raises:
        UnreadablePictureError: nothing of it could be seen.
    """
    bits = headers.png_bits(data) or samples.bits_of_tiff(image)
    samples.check_colours(image, bits)
    flat = samples.to_8_bit(image)
    opaque, alpha = transparency.split(flat, bits)
    shown = colours.to_srgb(opaque)
    if alpha is not None:
        shown = transparency.over_white(shown, alpha)
    # Of a PNG, TensorFlow halves 16 bits by itself.
    is_stored_so = flat is image or (image.format == "PNG" and flat.mode == "L")
    return shown, is_stored_so and shown is flat


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise UnreadablePictureError(
            f"it has {width}x{height} pixels, more than {max_pixels}", kind="too_large"
        )


def _check_png_chunks(data: bytes) -> None:
    """Raises if a checksum is wrong: Pillow skips those of the pixels, TensorFlow does not."""
    with open_picture(data, ("PNG",)) as image:
        image.verify()
    if _PNG_END not in data:
        raise UnreadablePictureError("the file is truncated", kind="truncated")


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


def _encode(
    image: Image.Image,
    source: str,
    data: bytes,
    target: tuple[int, int],
    turn: Image.Transpose | None,
) -> Picture:
    mode = "L" if image.mode in _GREY else "RGB"
    image = image if image.mode == mode else image.convert(mode)  # which copies in any case
    if image.size != target:
        image = scaling.scale(image, target)
    if turn is not None:
        image = image.transpose(turn)
    image.info = {}  # profiles, text and EXIF would be written along
    buffer = BytesIO()
    if source in _LOSSY and not (_is_lossless_webp(data) or headers.is_lossless_jpeg(data)):
        image.save(buffer, "JPEG", quality=95, subsampling=0)
        encoded = "JPEG"
    else:
        image.save(buffer, "PNG")
        encoded = "PNG"
    return Picture(buffer.getvalue(), image.height, image.width, encoded, changed=True)


def _is_lossless_webp(data: bytes) -> bool:
    return data[8:16] == b"WEBPVP8L"


def _explained(error: Exception) -> UnreadablePictureError:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if _TRUNCATED.search(text):
        return UnreadablePictureError("the file is truncated", kind="truncated")
    if _UNSUPPORTED.search(text):
        reason = f"it is of a kind that cannot be read ({text})"
        return UnreadablePictureError(reason, kind="unsupported")
    return UnreadablePictureError(f"the file is damaged ({text})")
