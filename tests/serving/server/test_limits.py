"""How many pixels the pictures of a request claim to have, row by row."""

import io

import numpy as np
from PIL import Image

from serving.server import limits

SIZE = (23, 17)


def encoded(form):
    buffer = io.BytesIO()
    Image.new("RGB", SIZE).save(buffer, form)
    return buffer.getvalue()


def test_pixels_are_told_row_by_row():
    png, jpeg, gif = map(encoded, ("PNG", "JPEG", "GIF"))
    several = np.array([[png, b"x"], [jpeg, gif]], object)
    numbers = np.zeros([2, 3])
    size = SIZE[0] * SIZE[1]
    assert limits.check((several, numbers), limits.Limits()) == [size, 2 * size]
    assert limits.check((np.array(jpeg, object),), limits.Limits()) == [size]
    assert limits.check((), limits.Limits()) == []
