"""Shows a picture as on white paper, where it is transparent: so do browsers and viewers."""

from typing import Any

from PIL import Image

from bitpipe.errors import UnreadablePictureError

_OPAQUE = 255
_ALPHA = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
# Of theirs, an alpha of nothing but zeros was never meant: many programs leave the fourth byte so.
_UNUSED_ALPHA = frozenset({"BMP", "TGA", "ICO"})


def split(image: Image.Image, bits: int) -> tuple[Image.Image, Image.Image | None]:
    """Colours and alpha of a picture, which may hide as a colour or palette entry.

    Args:
        image: loaded, with samples of 8 bits.
        bits: of a sample in the file.

    Returns:
        The colours ("RGB", "L") and the alpha ("L", 255 is opaque); the picture itself and None
        where all of it is opaque.
    """
    if image.mode not in _ALPHA and "transparency" not in image.info:
        return image, None
    layered = _layered(image, bits)
    alpha = layered.getchannel("A")
    lowest, highest = alpha.getextrema()
    if lowest == _OPAQUE or (highest == 0 and image.format in _UNUSED_ALPHA):
        return image, None
    return layered.convert("L" if layered.mode == "LA" else "RGB"), alpha


def over_white(colours: Image.Image, alpha: Image.Image) -> Image.Image:
    """The colours on white, to the nearest level.

    Args:
        colours: "RGB" or "L".
        alpha: "L", of the same size.

    Raises:
        UnreadablePictureError: all of it becomes one colour although it has several, as of white
            drawings for a dark ground.
    """
    shown = Image.new(colours.mode, colours.size, "white")
    shown.paste(colours, mask=alpha)
    if _has_one_colour(shown) and not (_has_one_colour(colours) and _has_one_colour(alpha)):
        raise UnreadablePictureError(
            "nothing of it can be seen on white, as it is transparent", kind="invisible"
        )
    return shown


def _layered(image: Image.Image, bits: int) -> Image.Image:
    """As "RGBA" or "LA"."""
    if image.mode in ("LA", "La"):
        return image.convert("LA")
    key = image.info.get("transparency")
    if image.mode not in _ALPHA and image.mode != "P" and image.format == "PNG":
        image = image.copy()
        image.info["transparency"] = _as_8_bit(key, image.mode, bits)
    return image.convert("RGBA")


def _as_8_bit(key: Any, mode: str, bits: int) -> Any:
    """The transparent colour on the scale of the loaded samples; Pillow leaves it on the file's."""
    if isinstance(key, tuple):
        return tuple(value >> 8 for value in key) if bits == 16 else key
    return key * 255 // (2**bits - 1) if mode == "L" and bits < 8 else key


def _has_one_colour(image: Image.Image) -> bool:
    extrema = image.getextrema()
    bands = extrema if isinstance(extrema[0], tuple) else (extrema,)
    return all(lowest == highest for lowest, highest in bands)
