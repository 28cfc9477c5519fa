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
        Exception: whatever broken bytes lead to in a plugin.
    """
    Image.preinit()
    for name in formats:
        if name not in Image.OPEN:
            Image.init()  # imports all plugins
        if name not in Image.OPEN:
            continue
        factory, accepts = Image.OPEN[name]
        accepted = True if accepts is None else accepts(data[:_PREFIX_BYTES])
        if not accepted or isinstance(accepted, str):  # the reason why a library is missing
            continue
        try:
            return factory(BytesIO(data), "")
        except _NOT_MINE:
            continue
    raise UnidentifiedImageError(f"it is none of {', '.join(formats)}")
