"""Opens pictures with Pillow, but without Pillow's own limit of pixels.

`PIL.Image.open` warns above 89 megapixels and refuses above 179, wherever the caller's own limit
lies; both numbers are a global variable of Pillow, which is not ours to change in a user's process.
What is left of it is in the plugins, for what no program writes: a GIF whose first picture sticks
out of its screen, an icon larger than it says, a TIFF of a single tile, each of that many pixels.
"""

import struct
from io import BytesIO

from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from bitpipe.errors import UnreadablePictureError
from bitpipe.pictures import headers
from bitpipe.pictures.formats import FORMATS

# By which a plugin says that a picture is none of its own, as in `PIL.Image.open`.
_NOT_MINE = (SyntaxError, IndexError, TypeError, struct.error)
_PREFIX_BYTES = 16


def open_picture(data: bytes, formats: tuple[str, ...] = FORMATS) -> ImageFile:
    """Reads the header, as `PIL.Image.open` does; the pixels are decoded by `load` of the result.

    Check the size before that. Plugins are asked through Pillow's registry (`PIL.Image.OPEN`).

    Args:
        data: a whole file.
        formats: Pillow's names. What this Pillow was built without is passed over.

    Raises:
        UnidentifiedImageError: it is none of these.
        UnreadablePictureError: its decoder is not installed.
        Exception: whatever broken bytes lead to in a plugin.
    """
    if "HEIF" in formats and headers.is_heic(data):
        return _open_heic(data)
    Image.preinit()
    refusal: Exception | None = None
    for name in formats:
        if name not in Image.OPEN:
            Image.init()  # imports all plugins
        if name not in Image.OPEN:
            continue
        factory, accepts = Image.OPEN[name]
        accepted = _may_be_tga(data) if accepts is None else accepts(data[:_PREFIX_BYTES])
        if not accepted or isinstance(accepted, str):  # the reason why a library is missing
            continue
        try:
            return factory(BytesIO(data), "")
        except _NOT_MINE as error:
            # The mark at its beginning says what it is, and the plugin what is wrong with it.
            refusal = refusal or (error if accepts is not None else None)
    if refusal is not None:
        raise refusal
    raise UnidentifiedImageError(f"it is none of {', '.join(formats)}")


def count_pixels(data: bytes) -> int:
    """Width x height by the header of any picture that can be opened; 0 for anything else."""
    if pixels := headers.count_pixels(data):
        return pixels
    try:
        with open_picture(data) as image:
            return image.width * image.height
    except Exception:  # whatever broken bytes lead to; decoding it will tell
        return 0


def _may_be_tga(data: bytes) -> bool:
    """Whether a file may be a TGA, which has no mark: so could a cursor or any zeros.

    Truevision TGA 2.0, fields 2 to 4: what describes a palette is zero where there is none.
    """
    if len(data) < 18 or data[1] > 1:
        return False
    has_palette, kind = data[1], data[2]
    return kind & 7 in ((1,) if has_palette else (2, 3)) and (
        bool(has_palette) or not any(data[3:8])
    )


def _open_heic(data: bytes) -> ImageFile:
    try:
        import pillow_heif
    except ImportError as error:
        # Not a requirement: few need it, and its packages bring an encoder under the GPL.
        raise UnreadablePictureError(
            "it is HEIC, which needs pillow-heif (uv pip install 'bitpipe[heic]')",
            kind="missing_package",
        ) from error
    opened: ImageFile = pillow_heif.HeifImageFile(BytesIO(data), "")
    return opened
