"""What is sent is what the viewer sees, in a format which TensorFlow decodes."""

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from tests.bitpipe.pictures.zoo import ZOO
from tests.serving.web.reader import Page
from tests.serving.web.stub import BLUE, GREEN, RED, mean_colour

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.jpeg.txt"])
def test_upright_jpeg_and_png_are_sent_byte_for_byte(page, picture, name):
    path = picture(name, GREEN, format="PNG" if name.endswith("png") else "JPEG")
    page.choose(path)
    assert page.best(name) == "green"
    assert page.stub.pictures[0][1] == path.read_bytes()


@pytest.mark.parametrize("name", ["a.webp", "a.avif", "a.gif", "a.bmp", "lying.jpg"])
def test_other_formats_are_sent_as_png(page, picture, name):
    form = {"lying.jpg": "WEBP"}.get(name, name[2:].upper())
    path = picture(name, BLUE, format=form)
    page.choose(path)
    assert page.best(name) == "blue"
    data = page.stub.pictures[0][1]
    assert data.startswith(b"\x89PNG")
    assert mean_colour(data) == pytest.approx([value / 255 for value in BLUE], abs=0.02)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_pictures_are_sent_as_the_viewer_sees_them(page, tmp_path, form, orientation):
    stored = Image.new("RGB", (64, 32), RED)
    stored.paste(GREEN, (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "turned", form, exif=exif, **{"quality": 95} if form == "JPEG" else {})
    page.choose(tmp_path / "turned")
    page.best("turned")
    data = page.stub.pictures[0][1]
    assert data.startswith(b"\x89PNG") or orientation == 1 or form == "PNG"
    sent, seen = Image.open(io.BytesIO(data)), Image.open(tmp_path / "turned")
    turn = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}[orientation]
    seen = seen.convert("RGB") if turn is None else seen.convert("RGB").transpose(turn)
    assert sent.size == seen.size
    assert (
        max(high for _, high in ImageChops.difference(sent.convert("RGB"), seen).getextrema()) < 30
    )


def test_what_is_transparent_is_sent_on_white(page, picture):
    page.choose(picture("clear.webp", (*GREEN, 0), lossless=True))
    page.answer("clear.webp", "version 20")
    assert mean_colour(page.stub.pictures[0][1]) == [1, 1, 1]


@pytest.mark.parametrize("name", ["adobe rgb.jpg", "adobe rgb.png", "adobe rgb.webp"])
def test_colours_are_sent_as_their_profile_means_them(page, tmp_path, name):
    (specimen,) = (one for one in ZOO if one.name == name)
    (tmp_path / name).write_bytes(specimen.make())
    page.choose(tmp_path / name)
    page.answer(name, "version 20")
    expected = specimen.shows().mean((0, 1)) / 255
    assert mean_colour(page.stub.pictures[0][1]) == pytest.approx(expected, abs=0.02)


def test_pictures_beyond_a_phone_s_canvas_are_sent_smaller(page, picture):
    page.choose(picture("huge.webp", BLUE, size=(8000, 3000)))
    assert page.best("huge.webp") == "blue"
    with Image.open(io.BytesIO(page.stub.pictures[0][1])) as sent:
        assert 2**24 * 0.99 < sent.width * sent.height <= 2**24 * 1.01
        assert sent.width / sent.height == pytest.approx(8 / 3, abs=0.01)


def exif_orientation(page: Page, data: bytes) -> Any:
    """What exif.js finds."""
    return page.driver.execute_async_script(
        """
        const [bytes, done] = arguments;
        import("/web/exif.js").then((exif) => done(exif.orientation(new Uint8Array(bytes))),
                                    (error) => done(String(error)));
        """,
        list(data),
    )


def test_orientation_is_found_in_both_byte_orders_and_behind_other_segments(page):
    for endian, head in (("<", b"II*\0\x08\0\0\0"), (">", b"MM\0*\0\0\0\x08")):
        order = "little" if endian == "<" else "big"
        number = lambda value, size, order=order: value.to_bytes(size, order)  # noqa: E731
        entry = number(0x0112, 2) + number(3, 2) + number(1, 4) + number(6, 2) + b"\0\0"
        other = number(0x0100, 2) + number(3, 2) + number(1, 4) + number(9, 2) + b"\0\0"
        exif = b"Exif\0\0" + head + number(2, 2) + other + entry
        app1 = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
        app0 = b"\xff\xe0\x00\x04ab"
        assert (
            exif_orientation(page, b"\xff\xd8" + app0 + b"\xff\xff" + app1[1:] + b"\xff\xda") == 6
        )
        pixels_first = b"\xff\xd8" + app0 + b"\xff\xda" + app1
        assert exif_orientation(page, pixels_first) == 1


def test_damaged_exif_is_taken_for_upright(page, tmp_path):
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", exif=exif)
    whole = buffer.getvalue()
    assert exif_orientation(page, whole) == 6

    @settings(max_examples=60)
    @given(st.integers(0, 60), st.binary(max_size=6), st.integers(0, len(whole)))
    def is_an_orientation(at: int, noise: bytes, end: int) -> None:
        damaged = (whole[:at] + noise + whole[at + len(noise) :])[:end]
        assert exif_orientation(page, damaged) in range(1, 9)

    is_an_orientation()
