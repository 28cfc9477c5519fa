"""What headers say about pictures, without decoding them."""

import io
import re
from typing import Any

import pytest
from PIL import Image

from benchmarks.serving.damage import many_scans
from bitpipe.pictures.headers import (
    count_pixels,
    has_more_scans,
    is_regular_jpeg,
    jpeg_segments,
    size,
)

SIZE = (23, 17)


def encoded(form: str, **options: Any) -> bytes:
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
def test_pixels_are_counted_by_the_header(name: str) -> None:
    assert count_pixels(PICTURES[name]) == SIZE[0] * SIZE[1]


@pytest.mark.parametrize("name", PICTURES)
def test_a_header_that_is_cut_off_counts_nothing_or_all(name: str) -> None:
    whole = PICTURES[name]
    counted = {count_pixels(whole[:end]) for end in range(len(whole))}
    assert counted <= {0, SIZE[0] * SIZE[1]}


def test_what_is_no_picture_counts_nothing() -> None:
    assert count_pixels(b"") == 0
    assert count_pixels(b"RIFF....WEBP") == 0
    assert count_pixels(b"\xff\xd8\xff\xd9") == 0


def test_a_gif_is_as_large_as_its_screen_and_its_first_picture_together() -> None:
    gif = PICTURES["gif"]
    assert size(gif[:6] + b"\xff\xff\xff\xff" + gif[10:]) == (65_535, 65_535)
    assert size(gif[:6] + bytes(4) + gif[10:]) == SIZE
    at = gif.index(b",\0\0\0\0") + 1
    moved = gif[:at] + b"\x05\0\x07\0" + gif[at + 4 :]
    assert size(moved) == Image.open(io.BytesIO(moved)).size == (SIZE[0] + 5, SIZE[1] + 7)


def test_a_gif_with_comments_in_front_of_its_picture_is_measured() -> None:
    data = encoded("GIF", comment=b"\0,\xff\xff\xff\xff" * 99)
    assert size(data[:6] + bytes(4) + data[10:]) == SIZE


def test_a_bmp_may_be_stored_top_down_or_by_os2() -> None:
    bmp = PICTURES["bmp"]
    assert size(bmp[:22] + (-SIZE[1]).to_bytes(4, "little", signed=True) + bmp[26:]) == SIZE
    header = (12).to_bytes(4, "little") + bytes([SIZE[0], 0, SIZE[1], 0, 1, 0, 24, 0])
    assert size(bmp[:14] + header + bmp[54:]) == SIZE


@pytest.mark.parametrize("form", ["png", "bmp"])
def test_an_icon_is_as_large_as_its_largest_picture(form: str) -> None:
    data = encoded("ICO", sizes=[(8, 8), SIZE], bitmap_format=form)
    assert max(Image.open(io.BytesIO(data)).info["sizes"]) == SIZE
    assert size(data) == SIZE
    assert size(data[:20]) == (0, 0)


def test_segments_of_a_jpeg_are_told_in_their_order() -> None:
    codes = [segment.code for segment in jpeg_segments(PICTURES["restarts"])]
    assert (codes[0], codes[-2:]) == (0xE0, [0xDA, 0xD9])
    # A progressive file has a scan per step.
    scans = [s.code for s in jpeg_segments(PICTURES["progressive"])].count(0xDA)
    assert scans == len(re.findall(rb"\xff\xda", PICTURES["progressive"])) > 1


def test_a_jpeg_is_regular_up_to_its_end_whatever_follows() -> None:
    for name in ("jpeg", "progressive", "grey", "restarts"):
        assert is_regular_jpeg(PICTURES[name] + b"trailing")
        assert not is_regular_jpeg(PICTURES[name][:-2])


@pytest.mark.parametrize("between", [b"\0", b"junk", b"\xff\xd0", b"\xff\x01"])
def test_a_jpeg_with_something_between_its_segments_is_not_regular(between: bytes) -> None:
    jpeg = PICTURES["grey"]
    at = jpeg.index(b"\xff\xdb")
    odd = jpeg[:at] + between + jpeg[at:]
    assert not is_regular_jpeg(odd)
    assert size(odd) == SIZE  # libjpeg passes over it


def test_the_scans_of_a_jpeg_are_counted_where_they_are_scans() -> None:
    written = [s.code for s in jpeg_segments(PICTURES["progressive"])].count(0xDA)
    assert has_more_scans(PICTURES["progressive"], written - 1)
    assert not has_more_scans(PICTURES["progressive"], written)
    data = many_scans(PICTURES["progressive"], 90)
    assert has_more_scans(data, written + 89)
    assert not has_more_scans(data, written + 90)
    film = PICTURES["jpeg"] + b"\xff\xda" * 100  # as phones append one
    comment = encoded("JPEG", comment=b"\xff\xda" * 100)
    assert not has_more_scans(film, 1)
    assert not has_more_scans(comment, 1)
    assert not has_more_scans(PICTURES["png"] + b"\xff\xda" * 100, 1)


def test_fill_bytes_before_a_marker_are_passed_over() -> None:
    jpeg = PICTURES["jpeg"]
    filled = jpeg[:2] + b"\xff" * 5 + jpeg[2:]
    assert size(filled) == SIZE
    assert [s.code for s in jpeg_segments(filled)] == [s.code for s in jpeg_segments(jpeg)]
    assert is_regular_jpeg(filled)
    assert not is_regular_jpeg(jpeg[:2] + b"\xff\0" + jpeg[2:])


def test_a_png_whose_header_is_not_its_first_chunk_counts_nothing() -> None:
    png = PICTURES["png"]
    assert size(png[:12] + b"abCd" + png[16:]) == (0, 0)
