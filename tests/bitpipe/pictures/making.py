"""Makes the pictures of the zoo, and what they must show."""

import importlib.util
import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from tests.bitpipe.pictures import handmade

# Samples that go through 16 bits, and colours that no JPEG blurs. In Adobe RGB their numbers differ
# by up to 40.
DEEP = np.arange(40 * 24, dtype=np.uint16).reshape(24, 40) * 60
PASTELS = np.full((24, 40, 3), (190, 70, 60), np.uint8)
PASTELS[:, 16:] = (80, 170, 90)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# The extra `heic`; in no lock.
# Greys of blocks of 8 x 8, for a coder of which no encoder is at hand.
BLOCKS = np.array([[0, 1, 3, 7, -7], [-7, -4, -2, 0, 1], [7, -2, 1, 0, -4]])
HAS_HEIC = importlib.util.find_spec("pillow_heif") is not None


def saved(form: str, mode: str = "RGB", **options: Any) -> Callable[[], bytes]:
    """Makes a picture of 40 x 24 in this format."""
    return lambda: encoded(scene(mode), form, **options)


def scene(mode: str = "RGB") -> Image.Image:
    """Blue, with a red upper left quarter, so that every turn and flip of it differs."""
    image = Image.new("RGB", (40, 24), "blue")
    image.paste("red", (0, 0, 20, 12))
    if mode == "I;16":
        return Image.fromarray(DEEP)
    return image.convert(mode)


def cut_out(mode: str = "RGBA") -> Image.Image:
    """`scene()` that is transparent where it is red, and half so in its lowest four rows."""
    alpha = Image.new("L", (40, 24), 255)
    alpha.paste(0, (0, 0, 20, 12))
    alpha.paste(128, (0, 20, 40, 24))
    image = scene()
    image.putalpha(alpha)
    return image.convert(mode)


def hole(colour: tuple[int, ...] = (0, 0, 255)) -> np.ndarray:
    """What a picture of this colour shows whose upper left quarter is transparent."""
    pixels = np.full((24, 40, len(colour)), colour, np.uint8)
    pixels[:12, :20] = 255
    return pixels


def cut_out_on_white() -> np.ndarray:
    """What `cut_out()` shows."""
    pixels = hole()
    pixels[20:] = (127, 127, 255)
    return pixels


def quarter(inside: int, outside: int) -> np.ndarray:
    """Grey levels (24, 40) uint8 whose upper left quarter differs."""
    pixels = np.full((24, 40), outside, np.uint8)
    pixels[:12, :20] = inside
    return pixels


def blank_png(width: int, height: int) -> bytes:
    """A PNG of white pixels, of a bit each: small as a file, however large it is."""
    assert width % 8 == 0
    return handmade.png(np.full((height, width // 8), 255, np.uint8), bits=1, kind=0)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    with io.BytesIO() as buffer:
        image.save(buffer, form, **options)
        return buffer.getvalue()


def ycck() -> bytes:
    """`scene()` in inks, three of them as YCbCr: Adobe's transform 2, values inverted."""
    inks = np.asarray(scene("CMYK"))
    colours = np.asarray(Image.fromarray(np.ascontiguousarray(inks[..., :3])).convert("YCbCr"))
    # Pillow inverts what it is given, writes it without a transform, and says so.
    given = Image.fromarray(np.dstack([255 - colours, inks[..., 3]]), "CMYK")
    data = bytearray(encoded(given, "JPEG", quality=95, subsampling=0))
    transform = data.index(b"Adobe") + 11
    assert data[transform] == 0
    data[transform] = 2
    return bytes(data)


def turned(form: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    return encoded(scene().transpose(Image.Transpose.ROTATE_90), form, exif=exif)


def animated(form: str) -> bytes:
    return encoded(scene(), form, save_all=True, append_images=[Image.new("RGB", (40, 24))])


def float_tiff() -> bytes:
    return encoded(Image.new("F", (4, 4)), "TIFF")


def wrong_checksum() -> bytes:
    data = bytearray(saved("PNG")())
    data[-14] ^= 0xFF  # in the checksum of the pixels, before the 12 bytes of the end
    return bytes(data)


def keyed_png(bits: int) -> bytes:
    """Grey 2 of `bits`, with a quarter of grey 1, which its tRNS says is transparent."""
    samples = quarter(1, 2)
    rows = {4: lambda: samples[:, ::2] << 4 | samples[:, 1::2], 8: lambda: samples * 100}.get(
        bits, lambda: (samples * np.uint16(20_000)).astype(">u2").view(np.uint8)
    )()
    key = struct.pack(">H", {4: 1, 8: 100}.get(bits, 20_000))
    return handmade.png(rows, bits, kind=0, chunks=[(b"tRNS", key)])


def adobe_rgb(form: str, **options: Any) -> bytes:
    image = Image.fromarray(handmade.in_adobe_rgb(PASTELS))
    return encoded(image, form, icc_profile=handmade.rgb_profile(), **options)


def heic() -> bytes:
    if not HAS_HEIC:
        return b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    import pillow_heif

    pillow_heif.register_heif_opener()
    return saved("HEIF", quality=95, chroma=444)()


def odd_bmp() -> bytes:
    data = saved("BMP")()
    return data[:30] + b"\4" + data[31:]  # a JPEG inside, as printers take it


def exif_of(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def oriented(orientation: int) -> np.ndarray:
    """What `scene()` shows whose EXIF says so; 0 and 9 are not defined."""
    pixels = np.asarray(scene())
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    flips = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}
    return np.flip(pixels, flips.get(orientation, ()))


def raw_tiff(tags: dict[int, Any]) -> bytes:
    """A thumbnail with tags as RAW files have them, which are TIFF files by their form."""
    from PIL import TiffImagePlugin

    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory.tagtype[tag] = 1 if isinstance(value, bytes) else 4
        directory[tag] = value
    return encoded(scene(), "TIFF", tiffinfo=directory)
