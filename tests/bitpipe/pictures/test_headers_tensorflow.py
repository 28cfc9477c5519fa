"""The pixels counted by a header, against what TensorFlow makes of the file."""

import io

import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bitpipe.pictures.headers import count_pixels

# Between the segments stands what could be taken for a frame's header.
DECOYS = {"exif": b"Exif\0\0" + bytes(99), "comment": b"\xff\xc0\0\x11\x08\xff\xff\xff\xff"}
with io.BytesIO() as buffer:
    Image.linear_gradient("L").resize((23, 17)).convert("RGB").save(buffer, "JPEG", **DECOYS)
    JPEG = buffer.getvalue()

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
    assert count_pixels(bytes(data)) == height * width
