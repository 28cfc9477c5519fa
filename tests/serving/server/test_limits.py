"""How many pixels a picture claims to have, against what TensorFlow makes of it."""

import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from serving.server import limits

SIZE = (23, 17)


def encoded(form, **options):
    buffer = io.BytesIO()
    image = Image.linear_gradient("L").resize(SIZE).convert(options.pop("mode", "RGB"))
    image.save(buffer, form, **options)
    return buffer.getvalue()


JPEG = encoded(
    "JPEG", exif=b"Exif\0\0" + bytes(99), comment=b"\xff\xc0\x00\x11\x08\xff\xff\xff\xff"
)
PICTURES = {
    "png": encoded("PNG"),
    "gif": encoded("GIF"),
    "bmp": encoded("BMP"),
    "jpeg": JPEG,
    "progressive": encoded("JPEG", progressive=True),
    "grey": encoded("JPEG", mode="L"),
    "restarts": encoded("JPEG", restart_marker_blocks=1),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pixels_are_counted_by_the_header(name):
    assert limits.count_pixels(PICTURES[name]) == SIZE[0] * SIZE[1]


@pytest.mark.parametrize("name", PICTURES)
def test_a_header_that_is_cut_off_counts_nothing_or_all(name):
    whole = PICTURES[name]
    counted = {limits.count_pixels(whole[:end]) for end in range(len(whole))}
    assert counted <= {0, SIZE[0] * SIZE[1]}


def test_what_is_no_picture_counts_nothing():
    assert limits.count_pixels(b"") == 0
    assert limits.count_pixels(b"RIFF....WEBP") == 0
    assert limits.count_pixels(b"\xff\xd8\xff\xd9") == 0


def test_more_pixels_than_pillow_opens_are_told():
    gif = PICTURES["gif"]
    huge = gif[:6] + b"\xff\xff\xff\xff" + gif[10:]  # 65,535 x 65,535
    assert limits.count_pixels(huge) > limits.Limits().max_pixels


def test_pixels_are_told_row_by_row():
    several = np.array([[PICTURES["png"], b"x"], [JPEG, PICTURES["gif"]]], object)
    numbers = np.zeros([2, 3])
    size = SIZE[0] * SIZE[1]
    assert limits.check((several, numbers), limits.Limits()) == [size, 2 * size]
    assert limits.check((np.array(JPEG, object),), limits.Limits()) == [size]
    assert limits.check((), limits.Limits()) == []


changes = st.lists(
    st.tuples(
        st.integers(2, JPEG.index(b"\xff\xda")),
        st.sampled_from([b"\xff", b"\xff\xff", b"\0", b"\xff\0", b"\xff\xd0", b"\xff\x01", b"x"])
        | st.binary(max_size=6),
        st.booleans(),
    ),
    max_size=4,
)


@given(changes)
@settings(max_examples=400)
def test_no_change_of_a_jpeg_makes_it_larger_for_tensorflow_than_it_was_counted(changed):
    data = bytearray(JPEG)
    for at, new, inserts in changed:
        data[at : at if inserts else at + len(new)] = new
    if data[:3] != b"\xff\xd8\xff":
        return
    try:
        height, width, _ = tf.io.decode_jpeg(bytes(data), try_recover_truncated=True).shape
    except tf.errors.InvalidArgumentError:
        return
    assert limits.count_pixels(bytes(data)) == height * width
