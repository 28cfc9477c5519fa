"""Files of each kind that may lie among pictures, and what they must be taken for everywhere."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tests.bitpipe.pictures import handmade
from tests.bitpipe.pictures.making import (
    BLOCKS,
    DEEP,
    HAS_HEIC,
    PASTELS,
    SRGB,
    adobe_rgb,
    animated,
    blank_png,
    cut_out,
    cut_out_on_white,
    encoded,
    exif_of,
    float_tiff,
    heic,
    hole,
    keyed_png,
    odd_bmp,
    oriented,
    quarter,
    raw_tiff,
    saved,
    scene,
    turned,
    wrong_checksum,
    ycck,
)


class Specimen(NamedTuple):
    """A file of the zoo.

    Attributes:
        name: below the zoo's folder.
        make: makes its bytes.
        listed: whether it counts where its folder is named.
        reason: the beginning of why it is refused; empty where it is a picture.
        kind: the word for that, of `bitpipe.rejections.RejectionKind`.
        as_it_is: whether the web page sends its bytes rather than what the browser makes of it.
        shows: the pixels that people see, (H, W) or (H, W, 3) uint8; `scene()` where not given.
    """

    name: str
    make: Callable[[], bytes]
    listed: bool = True
    reason: str = ""
    kind: str = ""
    as_it_is: bool = False
    shows: Callable[[], np.ndarray] = lambda: np.asarray(scene())


def write(folder: Path) -> Path:
    """Writes the whole zoo into the folder."""
    for specimen in ZOO:
        path = folder / specimen.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(specimen.make())
    return folder


JPEG, PNG = saved("JPEG"), saved("PNG")
NO_FORMAT = "it is none of JPEG, PNG, "

ZOO = (
    # What every reader takes as it is.
    Specimen("photo.jpg", JPEG, as_it_is=True),
    Specimen("photo.png", PNG, as_it_is=True),
    Specimen("progressive.JPEG", saved("JPEG", progressive=True), as_it_is=True),
    Specimen("grey.jpg", saved("JPEG", "L"), as_it_is=True, shows=lambda: np.asarray(scene("L"))),
    Specimen("opaque alpha.png", saved("PNG", "RGBA"), as_it_is=True),
    Specimen("palette.png", saved("PNG", "P"), as_it_is=True),
    Specimen("interlaced.png", lambda: handmade.interlaced_png(np.asarray(scene())), as_it_is=True),
    Specimen("16-bit.png", saved("PNG", "I;16"), as_it_is=True, shows=lambda: DEEP >> 8),
    Specimen(
        "16-bit black.png",
        lambda: encoded(Image.fromarray(DEEP * 0), "PNG"),
        as_it_is=True,
        shows=lambda: DEEP * 0,
    ),
    Specimen(
        "16-bit dark blue.png",
        lambda: handmade.png(
            np.tile(np.array([0, 0, 9_000], ">u2"), (24, 40)).view(np.uint8), 16, 2
        ),
        as_it_is=True,
        shows=lambda: np.full((24, 40, 3), (0, 0, 35), np.uint8),
    ),
    Specimen("srgb.jpg", saved("JPEG", icc_profile=SRGB), as_it_is=True),
    Specimen("broken profile.jpg", saved("JPEG", icc_profile=SRGB[:300]), as_it_is=True),
    Specimen(
        "profile of colours.png",
        saved("PNG", "L", icc_profile=handmade.rgb_profile()),
        shows=lambda: np.asarray(scene("L")),
    ),
    Specimen("twins.mpo", lambda: animated("MPO"), as_it_is=True),
    # What is made anew.
    Specimen("cmyk.jpg", saved("JPEG", "CMYK"), as_it_is=True),
    Specimen("ycck.jpg", ycck, as_it_is=True),
    Specimen(
        "arithmetic.jpg",
        lambda: handmade.arithmetic_jpeg(BLOCKS),
        as_it_is=True,
        shows=lambda: np.kron(128 + 16 * BLOCKS, np.ones((8, 8), int)).astype(np.uint8),
    ),
    Specimen("no end.jpg", lambda: JPEG()[:-2] + b"\xff\xfe", as_it_is=True),
    Specimen("turned.jpg", lambda: turned("JPEG")),
    Specimen("turned.png", lambda: turned("PNG")),
    *(
        Specimen(
            f"orientation {value}.jpg",
            lambda value=value: saved("JPEG", exif=exif_of(value))(),
            as_it_is=value not in range(2, 9),
            shows=lambda value=value: oriented(value),
        )
        for value in range(10)
    ),
    Specimen("broken exif.jpg", saved("JPEG", exif=b"Exif\0\0garbage"), as_it_is=True),
    Specimen("4-1-1.jpg", saved("JPEG", subsampling="4:1:1"), as_it_is=True),
    Specimen("8-bit palette.bmp", saved("BMP", "P")),
    Specimen(
        "black and white.bmp", saved("BMP", "1"), shows=lambda: np.asarray(scene("1").convert("L"))
    ),
    Specimen("cmyk.tif", saved("TIFF", "CMYK")),
    Specimen("deflated.tif", saved("TIFF", compression="tiff_adobe_deflate")),
    Specimen("tiled.tif", lambda: handmade.tiled_tiff(np.asarray(scene()))),
    Specimen("pages.tif", lambda: animated("TIFF")),
    Specimen(
        "progressive grey.jpg",
        saved("JPEG", "L", progressive=True),
        as_it_is=True,
        shows=lambda: np.asarray(scene("L")),
    ),
    Specimen("name\nof two lines.jpg", JPEG, as_it_is=True),
    Specimen(f"{'long ' * 49}.jpg", JPEG, as_it_is=True),
    Specimen("animated.png", lambda: animated("PNG"), as_it_is=True),
    Specimen("animated.gif", lambda: animated("GIF")),
    Specimen("animated.webp", lambda: animated("WEBP")),
    Specimen("other.webp", saved("WEBP")),
    Specimen("other.avif", saved("AVIF")),
    Specimen("other.gif", saved("GIF", "P")),
    Specimen("other.bmp", saved("BMP")),
    Specimen("other.tiff", saved("TIFF")),
    Specimen("16-bit.tif", saved("TIFF", "I;16"), shows=lambda: DEEP >> 8),
    Specimen("other.jp2", saved("JPEG2000")),
    Specimen("other.ppm", saved("PPM")),
    Specimen("other.tga", saved("TGA")),
    Specimen("other.ico", saved("ICO", sizes=[(40, 24)])),
    Specimen(
        "bitmap.ico",
        lambda: encoded(scene().crop((0, 0, 32, 24)), "ICO", bitmap_format="bmp", sizes=[(32, 24)]),
        shows=lambda: np.asarray(scene())[:, :32],
    ),
    Specimen(
        "photo.heic",
        heic,
        reason="" if HAS_HEIC else "it is HEIC, which needs pillow-heif",
        kind="" if HAS_HEIC else "missing_package",
    ),
    Specimen(
        "lossless.jpg",
        lambda: handmade.lossless_jpeg((DEEP >> 8).astype(np.uint8)),
        as_it_is=True,
        shows=lambda: DEEP >> 8,
    ),
    # What is transparent is shown on white.
    Specimen("alpha.png", lambda: encoded(cut_out(), "PNG"), as_it_is=True, shows=cut_out_on_white),
    Specimen(
        "grey alpha.png",
        lambda: encoded(cut_out("LA"), "PNG"),
        as_it_is=True,
        shows=lambda: np.asarray(Image.fromarray(cut_out_on_white()).convert("L")),
    ),
    Specimen(
        "palette alpha.png",
        lambda: encoded(scene("P"), "PNG", transparency=scene("P").getpixel((0, 0))),
        as_it_is=True,
        shows=hole,
    ),
    Specimen(
        "palette alphas.png",
        lambda: encoded(Image.fromarray(quarter(0, 1)).convert("P"), "PNG", transparency=b"\0\x80"),
        as_it_is=True,
        shows=lambda: hole((128,)),
    ),
    Specimen(
        "colour key.png",
        lambda: encoded(scene(), "PNG", transparency=(255, 0, 0)),
        as_it_is=True,
        shows=hole,
    ),
    Specimen("key of 4 bits.png", lambda: keyed_png(4), as_it_is=True, shows=lambda: hole((34,))),
    Specimen("key.png", lambda: keyed_png(8), as_it_is=True, shows=lambda: hole((200,))),
    Specimen(
        "key of 16 bits.png", lambda: keyed_png(16), as_it_is=True, shows=lambda: hole((156,))
    ),
    Specimen("alpha.webp", lambda: encoded(cut_out(), "WEBP", quality=95), shows=cut_out_on_white),
    Specimen(
        "lossless.webp", lambda: encoded(cut_out(), "WEBP", lossless=True), shows=cut_out_on_white
    ),
    Specimen("alpha.avif", lambda: encoded(cut_out(), "AVIF", quality=95), shows=cut_out_on_white),
    Specimen(
        "alpha.gif",
        lambda: encoded(scene("P"), "GIF", transparency=scene("P").getpixel((0, 0))),
        shows=hole,
    ),
    Specimen("alpha.tif", lambda: encoded(cut_out(), "TIFF"), shows=cut_out_on_white),
    Specimen("alpha.tga", lambda: encoded(cut_out(), "TGA"), shows=cut_out_on_white),
    Specimen(
        "alpha.ico",
        lambda: encoded(cut_out(), "ICO", sizes=[(40, 24)]),
        shows=cut_out_on_white,
    ),
    Specimen(
        "unused alpha.tga",
        lambda: encoded(Image.fromarray(np.dstack([np.asarray(scene()), quarter(0, 0)])), "TGA"),
    ),
    Specimen(
        "white on nothing.png",
        lambda: encoded(
            Image.merge("LA", [Image.new("L", (40, 24), 255), cut_out().getchannel("A")]), "PNG"
        ),
        reason="nothing of it can be seen",
        kind="invisible",
    ),
    # Samples of 16 bits, by what the file says is white.
    Specimen("big-endian.tif", lambda: handmade.grey_tiff(DEEP, big=True), shows=lambda: DEEP >> 8),
    Specimen(
        "white is zero.tif",
        lambda: handmade.grey_tiff(DEEP, white_is_zero=True),
        shows=lambda: 255 - (DEEP >> 8),
    ),
    Specimen(
        "packed 12 bits.tif",
        lambda: handmade.grey_tiff(DEEP >> 4, bits=12),
        shows=lambda: DEEP >> 8,
    ),
    Specimen(
        "12 bits.tif",
        lambda: handmade.grey_tiff(DEEP >> 4, max_sample=4095),
        shows=lambda: DEEP >> 8,
    ),
    Specimen(
        "12 bits.pgm",
        lambda: b"P5 40 24 4095\n" + (DEEP >> 4).astype(">u2").tobytes(),
        shows=lambda: DEEP >> 8,
    ),
    Specimen(
        "nearly black.tif",
        lambda: handmade.grey_tiff(DEEP >> 4),
        reason="it is nearly black: its 16",
        kind="invisible",
    ),
    Specimen(
        "nearly black.png",
        lambda: encoded(Image.fromarray(DEEP >> 4), "PNG"),
        reason="it is nearly black: its 16-bit samples reach 3596 of 65535",
        kind="invisible",
    ),
    Specimen(
        "nearly black colours.png",
        lambda: handmade.png(np.repeat(DEEP >> 4, 3, 1).astype(">u2").view(np.uint8), 16, kind=2),
        reason="it is nearly black: its 16",
        kind="invisible",
    ),
    Specimen(
        "too flat.tif",
        lambda: handmade.grey_tiff(DEEP // 1_000 + 40_000),
        reason="all of it has one colour: its 16-bit samples lie within 40000 and 40057",
        kind="invisible",
    ),
    # Colours by their profile.
    Specimen("adobe rgb.jpg", lambda: adobe_rgb("JPEG", quality=95), shows=lambda: PASTELS),
    Specimen("adobe rgb.png", lambda: adobe_rgb("PNG"), shows=lambda: PASTELS),
    Specimen("adobe rgb.webp", lambda: adobe_rgb("WEBP", quality=95), shows=lambda: PASTELS),
    Specimen("adobe rgb.tif", lambda: adobe_rgb("TIFF"), shows=lambda: PASTELS),
    Specimen(
        "linear grey.png",
        lambda: encoded(
            Image.fromarray(quarter(55, 127)), "PNG", icc_profile=handmade.grey_profile(1.0)
        ),
        shows=lambda: quarter(128, 187),  # by sRGB's curve
    ),
    Specimen(
        "profile of inks.jpg",
        saved("JPEG", "CMYK", icc_profile=handmade.cmyk_profile()),
        shows=lambda: np.full((24, 40, 3), (6, 255, 15), np.uint8),
    ),
    # Names say nothing about what is in a file.
    Specimen("no extension", JPEG, as_it_is=True),
    Specimen("wrong extension.png", JPEG, as_it_is=True),
    Specimen("unknown.xyz", PNG, as_it_is=True),
    Specimen("webp called.jpg", saved("WEBP")),
    Specimen("name in Größe ü.png", PNG, as_it_is=True),
    # Above 89 megapixels Pillow warns; the limit is 100.
    Specimen(
        "9600x9600.png",
        lambda: blank_png(9_600, 9_600),
        as_it_is=True,
        shows=lambda: np.broadcast_to(np.uint8(255), (9_600, 9_600)),
    ),
    Specimen(
        "too large.png",
        lambda: blank_png(10_008, 10_000),
        reason="it has 10008x10000 pix",
        kind="too_large",
    ),
    # Refused, with the reason.
    Specimen("text.jpg", lambda: b"no picture at all", reason="it is a text", kind="not_a_picture"),
    Specimen(
        "drawing.svg",
        lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        reason="it is a drawing (SVG)",
        kind="not_a_picture",
    ),
    Specimen(
        "page.jpg",
        lambda: b"\n<!DOCTYPE html><title>404",
        reason="it is a web page",
        kind="not_a_picture",
    ),
    Specimen(
        "film.jpg",
        lambda: b"\0\0\0\x18ftypisom" + bytes(99),
        reason="it is a film (MP4",
        kind="not_a_picture",
    ),
    Specimen(
        "clip.jpg",
        lambda: b"RIFF\0\0\0\0AVI LIST",
        reason="it is a film (AVI)",
        kind="not_a_picture",
    ),
    Specimen(
        "scan.jpg", lambda: b"%PDF-1.7\n%\xe2", reason="it is a PDF document", kind="not_a_picture"
    ),
    Specimen(
        "design.jpg",
        lambda: b"8BPS\0\1" + bytes(40),
        reason="it is a Photoshop document",
        kind="not_a_picture",
    ),
    Specimen(
        "pointer.jpg",
        lambda: b"version https://git-lfs.github.com/spec/v1\n",
        reason="it is a pointer of Git LFS",
        kind="not_a_picture",
    ),
    Specimen(
        "raw.cr3",
        lambda: b"\0\0\0\x18ftypcrx \0\0\0\1",
        reason="it is a RAW file of a camera (Canon)",
        kind="unsupported",
    ),
    Specimen(
        "raw.raf",
        lambda: b"FUJIFILMCCD-RAW 0201",
        reason="it is a RAW file of a camera (Fujifilm)",
        kind="unsupported",
    ),
    Specimen(
        "raw.dng",
        lambda: raw_tiff({50706: b"\1\4\0\0"}),
        reason="it is a RAW file of a camera: develop",
        kind="unsupported",
    ),
    Specimen(
        "raw.nef",
        lambda: raw_tiff({254: 1, 330: 8}),
        reason="it is a RAW file of a camera: develop",
        kind="unsupported",
    ),
    Specimen("empty.jpg", bytes, reason="the file is empty", kind="empty"),
    Specimen(
        "truncated.jpg", lambda: JPEG()[:-60], reason="the file is truncated", kind="truncated"
    ),
    Specimen("truncated.png", lambda: PNG()[:-2], reason="the file is truncated", kind="truncated"),
    Specimen("checksum.png", wrong_checksum, reason="the file is damaged", kind="damaged"),
    Specimen("float.tiff", float_tiff, reason="32-bit samples", kind="unsupported"),
    Specimen(
        "printer's.bmp",
        odd_bmp,
        reason="it is of a kind that cannot be read (Unsupported BMP",
        kind="unsupported",
    ),
    Specimen(
        "odd.tif",
        lambda: handmade.grey_tiff(DEEP, big=True, white_is_zero=True),
        reason="it is of a kind that cannot be read (unknown pixel mode)",
        kind="unsupported",
    ),
    Specimen(
        "cursor.cur",
        lambda: b"\0\0\2\0\1\0\x20\x20" + bytes(5_000),
        reason=NO_FORMAT,
        kind="not_a_picture",
    ),
    # Passed over in a folder; tried where it is named.
    Specimen(
        "labels.txt", lambda: b"roses", listed=False, reason="it is a text", kind="not_a_picture"
    ),
    Specimen(
        "boxes.JSON", lambda: b"{}", listed=False, reason="it is a text", kind="not_a_picture"
    ),
    Specimen(
        "pictures.zip",
        lambda: b"PK\x05\x06" + bytes(18),
        listed=False,
        reason="it is a zip archive",
        kind="not_a_picture",
    ),
    Specimen(
        "film.mp4",
        lambda: b"\0\0\0\x18ftypmp42",
        listed=False,
        reason="it is a film (MP4",
        kind="not_a_picture",
    ),
    Specimen("photo.jpg.txt", JPEG, listed=False, as_it_is=True),
    Specimen(".hidden.jpg", JPEG, listed=False, as_it_is=True),
    Specimen(
        "._photo.jpg",
        lambda: b"\0\x05\x16\x07",
        listed=False,
        reason="it is what macOS leaves",
        kind="not_a_picture",
    ),
    Specimen(".thumbnails/photo.jpg", JPEG, listed=False, as_it_is=True),
    Specimen(
        "Thumbs.db",
        lambda: b"\xd0\xcf\x11\xe0",
        listed=False,
        reason=NO_FORMAT,
        kind="not_a_picture",
    ),
    Specimen("__MACOSX/photo.jpg", JPEG, listed=False, as_it_is=True),
)
