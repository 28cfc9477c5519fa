"""Which pictures of a request are refused by their headers, and the pixels of the others."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.serving import damage
from serving.server import limits
from serving.server.options import Limits
from serving.status import InvalidArgumentError

SIZE = (23, 17)


def encoded(form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", SIZE).save(buffer, form, **options)
    return buffer.getvalue()


PNG, JPEG, PROGRESSIVE = encoded("PNG"), encoded("JPEG"), encoded("JPEG", progressive=True)


def check(*values: bytes, name: str = "image") -> list[int]:
    return limits.check((np.array(values, object),), Limits(), names=[name])


def test_pixels_are_told_row_by_row() -> None:
    several = np.array([[PNG, b"x"], [JPEG, PNG]], object)
    numbers = np.zeros([2, 3])
    size = SIZE[0] * SIZE[1]
    assert limits.check((several, numbers), Limits()) == [size, 2 * size]
    assert limits.check((np.array(JPEG, object),), Limits()) == [size]
    assert limits.check((), Limits()) == []


@pytest.mark.parametrize(
    ("data", "received"),
    [
        (damage.second_frame(40_000), "Received: GIF."),
        (b"GIF88a" + bytes(99), "Received: GIF."),
        (encoded("WEBP"), "Received: WebP."),
        (encoded("BMP"), "Received: neither."),
        (encoded("ICO"), "Received: neither."),
        (encoded("TIFF"), "Received: neither."),
        (b"", "Received: neither."),
        (b"no picture", "Received: neither."),
    ],
)
def test_a_picture_must_be_jpeg_or_png(data: bytes, received: str) -> None:
    with pytest.raises(InvalidArgumentError, match="One of JPEG, PNG required") as caught:
        check(JPEG, data)
    assert received in str(caught.value)
    assert "(input 1 of 2, counted from 0)" in str(caught.value)


@pytest.mark.parametrize("data", [encoded("GIF"), encoded("WEBP")])
def test_an_input_that_may_hold_texts_takes_no_picture_that_cannot_be_counted(data: bytes) -> None:
    assert check(b"BMW", b"GIFs", b"RIFF", b"", name="text") == [0] * 4
    with pytest.raises(InvalidArgumentError, match="One of JPEG, PNG required"):
        check(data, name="text")


@pytest.mark.parametrize("data", [PNG[:20], PNG[:12] + b"abCd" + PNG[16:], JPEG[:30]])
def test_a_picture_whose_size_cannot_be_told_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgumentError, match="size cannot be read"):
        check(data)


def test_a_picture_of_many_scans_is_refused() -> None:
    assert check(PROGRESSIVE) == [SIZE[0] * SIZE[1]]
    with pytest.raises(InvalidArgumentError, match="may have 64 scans"):
        check(damage.many_scans(PROGRESSIVE, 64))
