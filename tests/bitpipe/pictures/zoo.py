"""Files of each kind that may lie among pictures, and what they must be taken for everywhere."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image


class Specimen(NamedTuple):
    """A file of the zoo.

    Attributes:
        name: below the zoo's folder.
        make: makes its bytes.
        listed: whether it counts where its folder is named.
        reason: the beginning of why it is refused; empty where it is a picture.
        as_it_is: whether the web page sends its bytes rather than what the browser makes of it.
    """

    name: str
    make: Callable[[], bytes]
    listed: bool = True
    reason: str = ""
    as_it_is: bool = False


def saved(form: str, mode: str = "RGB", **options: Any) -> Callable[[], bytes]:
    """Makes a picture of 40 x 24 in this format."""
    return lambda: _encoded(scene(mode), form, **options)


def scene(mode: str = "RGB") -> Image.Image:
    """Blue, with a red upper left quarter, so that every turn and flip of it differs."""
    image = Image.new("RGB", (40, 24), "blue")
    image.paste("red", (0, 0, 20, 12))
    if mode == "I;16":
        return Image.fromarray(np.arange(40 * 24, dtype=np.uint16).reshape(24, 40) * 60)
    return image.convert(mode)


def blank_png(width: int, height: int) -> bytes:
    """A PNG of white pixels, of a bit each: small as a file, however large it is."""
    rows = zlib.compress((b"\0" + b"\xff" * ((width + 7) // 8)) * height, 1)
    sizes = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", sizes), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def write(folder: Path) -> Path:
    """Writes the whole zoo into the folder."""
    for specimen in ZOO:
        path = folder / specimen.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(specimen.make())
    return folder


def _encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    with io.BytesIO() as buffer:
        image.save(buffer, form, **options)
        return buffer.getvalue()


def _turned(form: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    return _encoded(scene().transpose(Image.Transpose.ROTATE_90), form, exif=exif)


def _animated(form: str) -> bytes:
    return _encoded(scene(), form, save_all=True, append_images=[Image.new("RGB", (40, 24))])


def _float() -> bytes:
    return _encoded(Image.new("F", (4, 4)), "TIFF")


def _wrong_checksum() -> bytes:
    data = bytearray(saved("PNG")())
    data[-14] ^= 0xFF  # in the checksum of the pixels, before the 12 bytes of the end
    return bytes(data)


JPEG, PNG = saved("JPEG"), saved("PNG")
NO_FORMAT = "it is none of JPEG, PNG, "

ZOO = (
    # What every reader takes as it is.
    Specimen("photo.jpg", JPEG, as_it_is=True),
    Specimen("photo.png", PNG, as_it_is=True),
    Specimen("progressive.JPEG", saved("JPEG", progressive=True), as_it_is=True),
    Specimen("grey.jpg", saved("JPEG", "L"), as_it_is=True),
    Specimen("alpha.png", saved("PNG", "RGBA"), as_it_is=True),
    Specimen("palette.png", saved("PNG", "P"), as_it_is=True),
    Specimen("16-bit.png", saved("PNG", "I;16"), as_it_is=True),
    Specimen("twins.mpo", lambda: _animated("MPO"), as_it_is=True),
    # What is made anew.
    Specimen("cmyk.jpg", saved("JPEG", "CMYK"), as_it_is=True),
    Specimen("no end.jpg", lambda: JPEG()[:-2] + b"\xff\xfe", as_it_is=True),
    Specimen("turned.jpg", lambda: _turned("JPEG")),
    Specimen("turned.png", lambda: _turned("PNG")),
    Specimen("animated.png", lambda: _animated("PNG"), as_it_is=True),
    Specimen("animated.gif", lambda: _animated("GIF")),
    Specimen("animated.webp", lambda: _animated("WEBP")),
    Specimen("other.webp", saved("WEBP")),
    Specimen("other.avif", saved("AVIF")),
    Specimen("other.gif", saved("GIF", "P")),
    Specimen("other.bmp", saved("BMP")),
    Specimen("other.tiff", saved("TIFF")),
    Specimen("16-bit.tif", saved("TIFF", "I;16")),
    Specimen("other.jp2", saved("JPEG2000")),
    Specimen("other.ppm", saved("PPM")),
    Specimen("other.tga", saved("TGA")),
    Specimen("other.ico", saved("ICO")),
    # Names say nothing about what is in a file.
    Specimen("no extension", JPEG, as_it_is=True),
    Specimen("wrong extension.png", JPEG, as_it_is=True),
    Specimen("unknown.xyz", PNG, as_it_is=True),
    Specimen("webp called.jpg", saved("WEBP")),
    Specimen("name in Größe ü.png", PNG, as_it_is=True),
    # Above 89 megapixels Pillow warns; the limit is 100.
    Specimen("9600x9600.png", lambda: blank_png(9_600, 9_600), as_it_is=True),
    Specimen("too large.png", lambda: blank_png(10_001, 10_000), reason="it has 10001x10000 pix"),
    # Refused, with the reason.
    Specimen("text.jpg", lambda: b"no picture at all", reason=NO_FORMAT),
    Specimen("drawing.svg", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", reason=NO_FORMAT),
    Specimen("empty.jpg", bytes, reason="the file is empty"),
    Specimen("truncated.jpg", lambda: JPEG()[:-60], reason="the file is truncated"),
    Specimen("truncated.png", lambda: PNG()[:-2], reason="the file is truncated"),
    Specimen("checksum.png", _wrong_checksum, reason="the file is damaged"),
    Specimen("float.tiff", _float, reason="32-bit samples"),
    # Passed over in a folder; tried where it is named.
    Specimen("labels.txt", lambda: b"roses", listed=False, reason=NO_FORMAT),
    Specimen("boxes.JSON", lambda: b"{}", listed=False, reason=NO_FORMAT),
    Specimen("pictures.zip", lambda: b"PK\x05\x06" + bytes(18), listed=False, reason=NO_FORMAT),
    Specimen("film.mp4", lambda: b"\0\0\0\x18ftypmp42", listed=False, reason=NO_FORMAT),
    Specimen("photo.jpg.txt", JPEG, listed=False, as_it_is=True),
    Specimen(".hidden.jpg", JPEG, listed=False, as_it_is=True),
    Specimen("._photo.jpg", lambda: b"\0\x05\x16\x07", listed=False, reason=NO_FORMAT),
    Specimen(".thumbnails/photo.jpg", JPEG, listed=False, as_it_is=True),
    Specimen("Thumbs.db", lambda: b"\xd0\xcf\x11\xe0", listed=False, reason=NO_FORMAT),
    Specimen("__MACOSX/photo.jpg", JPEG, listed=False, as_it_is=True),
)
