"""Large pictures are scaled down where the ingest is told to, and others stay as they are."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bitpipe.pictures.normalise import normalise
from bitpipe.pictures.scaling import scaled_size

sides = st.integers(1, 20_000)


@given(sides, sides, st.integers(64, 4_096))
def test_no_side_is_less_than_half_of_the_limit_or_than_it_was(width, height, limit):
    scaled = scaled_size((width, height), limit)
    for before, after in zip((width, height), scaled, strict=True):
        assert after <= before
        assert after >= min(before, limit // 2)
    small = max(width, height) <= limit or min(width, height) <= limit / 2
    if small:
        assert scaled == (width, height)
    elif max(width, height) <= 2 * min(width, height):
        assert max(scaled) <= limit


@pytest.mark.parametrize(
    ("size", "scaled"),
    [
        ((4000, 3000), (1024, 768)),
        ((3000, 4000), (768, 1024)),
        ((1024, 800), (1024, 800)),
        ((8000, 2000), (2048, 512)),  # a panorama
        ((8000, 500), (8000, 500)),
    ],
)
def test_sizes(size, scaled):
    assert scaled_size(size, 1024) == scaled


def photo(size, form="JPEG", **options):
    """Smooth colours, with stripes finer than what is left and broad ones that must be left."""
    x, y = np.meshgrid(np.linspace(0, 255, size[0]), np.linspace(0, 255, size[1]))
    columns = np.arange(size[0])
    stripes = 20 * (columns % 4 < 2) + 30 * (columns % 30 < 15)
    pixels = np.stack([x, y, (x + y) / 2], 2) * 0.8 + stripes[None, :, None]
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP"])
def test_a_large_picture_is_scaled_and_a_small_one_is_the_same_bytes_as_without(form):
    data = photo((400, 300), form)
    found = normalise(data, longest_side=128)
    assert (found.width, found.height, found.changed) == (128, 96, True)
    with Image.open(io.BytesIO(found.data)) as image:
        assert image.size == (128, 96)
    assert normalise(data, longest_side=400) == normalise(data)


def test_a_turned_photo_is_scaled_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    found = normalise(photo((400, 300), exif=exif), longest_side=128)
    assert (found.width, found.height) == (96, 128)


def test_a_reduced_decoding_shows_what_a_whole_one_does():
    data = photo((800, 600), quality=95)
    found = normalise(data, longest_side=128)
    with Image.open(io.BytesIO(data)) as image:  # all of its pixels, then the same kernel
        whole = np.asarray(image.resize((128, 96), Image.Resampling.BILINEAR), int)
    with Image.open(io.BytesIO(found.data)) as image:
        assert np.abs(np.asarray(image, int) - whole).mean() < 1.5


def test_a_mended_photo_is_scaled_too():
    data = photo((400, 300), quality=95)
    found = normalise(data[: len(data) // 2], allow_truncated=True, longest_side=128)
    assert (found.width, found.height) == (128, 96)
