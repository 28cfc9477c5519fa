"""Converts the colours of an embedded profile to sRGB, which a model takes all numbers for."""

from functools import lru_cache
from typing import Any

from PIL import Image, ImageChops

# By the colour space in the head of a profile (ICC.1:2022, 7.2.6): the mode it is for, and those
# which hold the same. A profile of another space than its picture is none, as for browsers.
_SPACE = slice(16, 20)
_MODES = {
    b"RGB ": ("RGB", frozenset({"RGB", "RGBA", "RGBX", "P"})),
    b"GRAY": ("L", frozenset({"L", "LA"})),
    b"CMYK": ("CMYK", frozenset({"CMYK"})),
}
# Levels of 255 by which a profile may differ from sRGB without being converted, as encoding a JPEG
# file anew would change it as much. Adobe RGB differs by more than 100.
_TOLERANCE = 3


def to_srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB; itself where it is so already, or its profile tells nothing.

    Args:
        image: loaded, with samples of 8 bits.

    Returns:
        "RGB" or "L", or the image.
    """
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    mode, fitting = _MODES.get(bytes(profile[_SPACE]), ("", frozenset()))
    if image.mode not in fitting:
        return image
    # A picture whose pixels are whole is not refused for a broken profile.
    try:
        transform = _transform(profile, mode)
        if transform is None:
            return image
        converted: Image.Image = transform.apply(image.convert(mode))
    except Exception:
        return image
    return converted.convert("L") if mode == "L" else converted


@lru_cache(maxsize=32)  # profiles of one folder's pictures, each up to a megabyte
def _transform(profile: bytes, mode: str) -> Any:
    """Pillow's transform to sRGB, or None where it changes no colour that one could tell."""
    from io import BytesIO

    from PIL import ImageCms  # not in every build of Pillow

    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if mode == "CMYK":
        return transform
    probe = _all_sorts() if mode == "RGB" else Image.linear_gradient("L")
    difference = ImageChops.difference(transform.apply(probe), probe.convert("RGB"))
    most = max(difference.tobytes())
    return transform if most > _TOLERANCE else None


def _all_sorts() -> Image.Image:
    """Each combination of 9 reds, greens and blues from 0 to 255."""
    levels = [min(255, 32 * step) for step in range(9)]
    values = bytes(v for r in levels for g in levels for b in levels for v in (r, g, b))
    return Image.frombytes("RGB", (9**3, 1), values)
