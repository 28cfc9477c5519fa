"""From samples of 16 bits to those of 8, by what the file says is white."""

from PIL import Image, ImageChops

from bitpipe.errors import UnreadablePictureError

_DEEP = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})
_BITS = 16

# TIFF 6.0, section 8, and the supplement on sample formats.
_BITS_PER_SAMPLE, _PHOTOMETRIC, _MAX_SAMPLE_VALUE, _SAMPLE_FORMAT = 258, 262, 281, 339
_WHITE_IS_ZERO, _UNSIGNED = 0, 1

# Samples that use none of the upper four bits come from a device of 12 bits, or of fewer: as they
# are they would be levels 0 to 15 of 255, which nobody tells from black.
_NEARLY_BLACK = 2**12


def to_8_bit(image: Image.Image) -> Image.Image:
    """The picture with samples of 8 bits: the upper ones, as `tf.io.decode_image` takes them.

    Where a TIFF file says with BitsPerSample or MaxSampleValue that fewer bits are used, its
    samples are moved up to those. MaxSampleValue tells the number of bits and not the white itself:
    by the specification it is the largest sample of that one picture.

    Args:
        image: loaded, of any mode.

    Returns:
        "L", or "LA" where one value means transparency; other modes as they are.

    Raises:
        UnreadablePictureError: nothing says what is black and white, or nothing can be seen: all
            would be one colour, or nearly black.
    """
    if image.mode not in _DEEP:
        return image
    if image.mode == "F" or (image.mode == "I" and image.format not in ("PNG", "PPM")):
        signed = _tag(image, _SAMPLE_FORMAT, _UNSIGNED) != _UNSIGNED and image.mode == "I"
        kind = "signed" if signed else "32-bit"
        raise UnreadablePictureError(
            f"{kind} samples have no defined black and white", kind="unsupported"
        )
    samples = image.convert("I")  # no mode of 16 bits has all conversions
    darkest, lightest = _extrema(samples)
    bits = _used_bits(image)
    if bits == _BITS and darkest < lightest < _NEARLY_BLACK:
        raise _nearly_black(lightest)
    scale = 2.0 ** (8 - bits)
    grey = samples.point(lambda value: value * scale + 0).convert("L")
    if _tag(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO:
        grey = ImageChops.invert(grey)
    lowest, highest = _extrema(grey)
    if lowest == highest and darkest < lightest:
        raise UnreadablePictureError(
            f"all of it has one colour: its 16-bit samples lie within {darkest} and {lightest}",
            kind="invisible",
        )
    key = image.info.get("transparency")
    if isinstance(key, int):
        grey.putalpha(_differs(samples, key))
    return grey


def check_colours(image: Image.Image, bits: int) -> None:
    """Raises where colours that were stored with 16 bits, which Pillow halves, are nearly black.

    Args:
        image: loaded, of any mode.
        bits: of a sample in the file.
    """
    if bits != _BITS or image.mode not in ("RGB", "RGBA"):
        return
    highest = max(_extrema(image.getchannel(band))[1] for band in "RGB")
    if 0 < highest < _NEARLY_BLACK >> 8:
        raise _nearly_black((highest + 1 << 8) - 1)


def bits_of_tiff(image: Image.Image) -> int:
    """Bits of a sample in a TIFF file; 0 for any other."""
    return _tag(image, _BITS_PER_SAMPLE, 0)


def _nearly_black(lightest: int) -> UnreadablePictureError:
    return UnreadablePictureError(
        f"it is nearly black: its 16-bit samples reach {lightest} of 65535, "
        "and it does not say which is white",
        kind="invisible",
    )


def _used_bits(image: Image.Image) -> int:
    stored = bits_of_tiff(image) or _BITS
    declared = _tag(image, _MAX_SAMPLE_VALUE, 0)
    return max(8, min(stored, declared.bit_length())) if declared else stored


def _tag(image: Image.Image, number: int, default: int) -> int:
    tags = getattr(image, "tag_v2", None)  # of a TIFF file
    value = tags.get(number, default) if tags is not None else default
    value = value[0] if isinstance(value, tuple) else value
    return value if isinstance(value, int) else default


def _differs(samples: Image.Image, key: int) -> Image.Image:
    """A mask of 255 where samples ("I") differ from the key, else 0; "L"."""
    above = samples.point(lambda value: value * 1 - key).convert("L")  # clips at 0 and 255
    below = samples.point(lambda value: value * -1 + key).convert("L")
    return ImageChops.lighter(above, below).point(lambda difference: 255 if difference else 0)


def _extrema(image: Image.Image) -> tuple[int, int]:
    lowest, highest = image.getextrema()
    assert not isinstance(lowest, tuple)  # it has one band
    assert not isinstance(highest, tuple)
    return int(lowest), int(highest)
