"""What lies among pictures and is none, by its first bytes: so that it can be told by its name."""

from typing import Any

# First bytes -> what it is.
_MAGICS = (
    (b"%PDF", "a PDF document: export its pages as pictures"),
    (b"%!PS", "a PostScript document: export it as a picture"),
    (b"PK\x03\x04", "a zip archive: unpack it"),
    (b"PK\x05\x06", "a zip archive without a file"),
    (b"\x1f\x8b", "compressed with gzip: unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"),
    (b"Rar!", "a rar archive: unpack it"),
    (b"\x1aE\xdf\xa3", "a film (Matroska or WebM)"),
    (b"8BPS", "a Photoshop document: export it as JPEG or PNG"),
    (b"\0\x05\x16\x07", "what macOS leaves beside a file"),
    (b"version https://git-lfs", "a pointer of Git LFS: fetch the file with `git lfs pull`"),
)
_RAW = "a RAW file of a camera{}: develop it to JPEG or TIFF"
_RAW_MAGICS = (
    *((b"FUJIFILMCCD-RAW", "Fujifilm"), (b"IIU\0", "Panasonic"), (b"IIRO", "Olympus")),
    *((b"IIRS", "Olympus"), (b"MMOR", "Olympus"), (b"FOVb", "Sigma"), (b"\0MRM", "Minolta")),
)

# ISO/IEC 14496-12: a length, this, a brand.
_BRAND_AT, _BRANDS_MAGIC = 8, b"ftyp"
_FILM_BRANDS = (b"mp4", b"iso", b"avc", b"M4V", b"qt ", b"3gp", b"mmp", b"dash", b"MSNV")
_RAW_BRAND = b"crx "  # Canon's CR3

_MARKUP = (
    (b"<svg", "a drawing (SVG)"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
)
_LOOKED_AT = 1024

# TIFF/EP and DNG 1.6: DNGVersion; NewSubfileType, bit 0: this is a smaller version of what lies
# elsewhere in the file.
_DNG_VERSION, _SUBFILE_TYPE, _SUB_IFDS = 50706, 254, 330
_REDUCED = 1
_CR2_AT, _CR2 = 8, b"CR"


def named(data: bytes) -> tuple[str, bool]:
    """What a file is that no decoder takes for a picture, and whether it is a camera's RAW file.

    The name is empty where its bytes do not tell.
    """
    if raw := _raw(data):
        return raw, True
    return _other(data), False


def _raw(data: bytes) -> str:
    for magic, maker in _RAW_MAGICS:
        if data.startswith(magic):
            return _RAW.format(f" ({maker})")
    if data[4 : _BRAND_AT + 4] == _BRANDS_MAGIC + _RAW_BRAND:
        return _RAW.format(" (Canon)")
    return ""


def _other(data: bytes) -> str:
    for magic, name in _MAGICS:
        if data.startswith(magic):
            return name
    if data[4:_BRAND_AT] == _BRANDS_MAGIC and data[_BRAND_AT:].startswith(_FILM_BRANDS):
        return "a film (MP4 or QuickTime)"
    if data.startswith(b"RIFF") and data[8:12] == b"AVI ":
        return "a film (AVI)"
    start = data[:_LOOKED_AT].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for mark, name in _MARKUP:
        if start.startswith(mark) or (start.startswith(b"<?xml") and mark in start):
            return name
    return "a text" if _is_text(data[:_LOOKED_AT]) else ""


def raw_in_tiff(image: Any, data: bytes) -> str | None:
    """The name of a RAW file that is a TIFF by its form: what opens is but its thumbnail.

    Args:
        image: as Pillow opened it.
        data: the whole file.
    """
    tags = getattr(image, "tag_v2", None)
    if image.format != "TIFF" or tags is None:
        return None
    is_canon = data[_CR2_AT : _CR2_AT + 2] == _CR2
    reduced = bool(int(tags.get(_SUBFILE_TYPE, 0)) & _REDUCED)
    if is_canon or _DNG_VERSION in tags or (reduced and _SUB_IFDS in tags):
        return _RAW.format(" (Canon)" if is_canon else "")
    return None


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode("utf-8", "strict" if len(data) < _LOOKED_AT else "ignore")
    except UnicodeDecodeError:
        return False
    return bool(text) and all(c.isprintable() or c in "\t\r\n\f\ufeff" for c in text)
