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
from components import decoding
from tests.bitpipe.pictures.zoo import ZOO, Specimen


def decode(picture: Picture) -> np.ndarray:
    return decoding.decode(tf.constant(picture.data)).numpy()


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


# What a page or a caller may send as it is; two of them TensorFlow refuses.
SENT = [s for s in ZOO if s.as_it_is and not s.reason and s.name not in ("no end.jpg", "cmyk.jpg")]
# TensorFlow mixes the four inks of ycck.jpg in another way than Pillow.
SENT = [s for s in SENT if s.name not in ("lossless.jpg", "9600x9600.png", "ycck.jpg")]


@pytest.mark.parametrize("specimen", SENT, ids=lambda specimen: specimen.name)
def test_a_model_sees_the_same_in_a_file_and_in_what_the_client_makes_of_it(
    specimen: Specimen,
) -> None:
    data = specimen.make()
    in_a_graph = tf.function(decoding.decode, input_signature=[tf.TensorSpec([], tf.string)])
    expected = decode(normalise(data))
    eager = decoding.decode(tf.constant(data)), decoding.decode_bytes(data)
    for pixels in (in_a_graph(data), *eager):
        np.testing.assert_array_equal(pixels, expected)


PARTS = (b"\x89PNG\r\n", b"PNG\r\n", b"PN", b"tRNS", b"\x04", b"\x06", b"\n", b"\x80", bytes(19))


@given(st.lists(st.sampled_from(PARTS), max_size=8).map(b"".join))
def test_python_and_the_graph_see_the_same_in_a_header(data: bytes) -> None:
    assert decoding._may_shine_through(data) == bool(decoding._matches(tf.constant(data)))


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
