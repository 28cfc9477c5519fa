"""Whatever `normalise` lets through, TensorFlow decodes: to the size stated, upright, in full."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bitpipe.errors import UnreadablePictureError
from bitpipe.pictures.normalise import Picture, normalise


def decode(picture: Picture) -> np.ndarray:
    return tf.io.decode_image(picture.data, channels=3, expand_animations=False).numpy()


def save(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def gradient(mode: str) -> Image.Image:
    """30x20, dark at the upper left and light at the lower right."""
    x, y = np.meshgrid(np.arange(30), np.arange(20))
    if mode == "I;16":
        return Image.fromarray(((x + y) * 1000).astype(np.uint16))
    return (
        Image.fromarray(((x + y) * 5).astype(np.uint8))
        .convert("RGB")
        .convert(mode, palette=Image.Palette.ADAPTIVE)
    )


NOISE = Image.effect_noise((60, 40), 60).convert("RGB")
WHOLE = {
    "JPEG": save(NOISE, "JPEG"),
    "progressive JPEG": save(NOISE, "JPEG", progressive=True),
    "PNG": save(NOISE, "PNG"),
}


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize(
    ("mode", "form"),
    [
        *((mode, "JPEG") for mode in ("L", "RGB", "CMYK")),
        *((mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        *((mode, "TIFF") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16")),
        ("RGB", "MPO"),
        ("RGB", "WEBP"),
        ("RGBA", "WEBP"),
        ("RGB", "AVIF"),
    ],
)
def test_every_accepted_picture_decodes_upright_to_the_size_stated(
    mode: str, form: str, orientation: int
) -> None:
    turn = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}[orientation]
    upright = gradient(mode)
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = normalise(save(stored, form, exif=exif))
    decoded = decode(picture)
    assert decoded.shape == (picture.height, picture.width, 3) == (20, 30, 3)
    if mode != "1":  # dithering moves single pixels
        expected = gradient("RGB") if mode != "I;16" else gradient("I;16").point(lambda v: v / 256)
        difference = decoded.mean(axis=2) - np.asarray(expected, float).reshape(20, 30, -1).mean(2)
        assert np.abs(difference).mean() < 3


@pytest.mark.parametrize("form", ["BMP", "GIF", "JPEG2000", "PPM", "TGA", "ICO"])
def test_other_formats_decode_to_the_size_stated(form: str) -> None:
    picture = normalise(save(gradient("RGB"), form))
    assert decode(picture).shape == (picture.height, picture.width, 3)


@settings(max_examples=150)
@given(form=st.sampled_from(sorted(WHOLE)), keep=st.floats(0, 1, exclude_max=True))
def test_truncated_at_any_byte_is_refused_or_decodes(form: str, keep: float) -> None:
    data = WHOLE[form]
    try:
        picture = normalise(data[: int(len(data) * keep)])
    except UnreadablePictureError:
        return
    assert decode(picture).shape == (40, 60, 3)


@settings(max_examples=300)
@given(form=st.sampled_from(sorted(WHOLE)), place=st.floats(0, 1, exclude_max=True), flip=st.data())
def test_damaged_at_any_byte_is_refused_or_decodes(
    form: str, place: float, flip: st.DataObject
) -> None:
    data = bytearray(WHOLE[form])
    data[int(len(data) * place)] ^= flip.draw(st.integers(1, 255))
    try:
        picture = normalise(bytes(data))
    except UnreadablePictureError:
        return
    assert decode(picture).shape == (picture.height, picture.width, 3)
