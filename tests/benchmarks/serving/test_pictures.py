import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.serving import pictures


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP"])
@pytest.mark.parametrize("size", [pictures.SMALL, (48, 40), (1, 1)])
def test_picture_is_a_file_of_its_form_and_size(form, size):
    with Image.open(io.BytesIO(pictures.encode(3, size, form))) as image:
        image.load()
        assert (image.format, image.size) == (form, size)


def test_same_seed_makes_the_same_bytes_and_another_other_ones():
    made = [pictures.encode(seed, (48, 40)) for seed in range(20)]
    assert made == [pictures.encode(seed, (48, 40)) for seed in range(20)]
    assert len(set(made)) == 20


def test_many_pictures_are_different_and_those_of_their_seed():
    many = pictures.encode_many(8, seed=1, size=(48, 40))
    assert many == pictures.encode_many(8, seed=1, size=(48, 40))
    assert len({*many, *pictures.encode_many(8, seed=2, size=(48, 40))}) == 16
    assert many[:3] == pictures.encode_many(3, seed=1, size=(48, 40))


def test_pictures_have_shapes_and_noise_as_photos_do():
    with Image.open(io.BytesIO(pictures.encode(0, form="PNG"))) as image:
        pixels = np.asarray(image).astype(float)
    # Neighbours differ by their noise, or at the edge of a shape.
    differences = np.abs(np.diff(pixels, axis=1))
    assert 0.5 < np.median(differences) / pictures.NOISE < 2
    assert differences.max() > 10 * pictures.NOISE
    assert 1_000 < len(pictures.encode(0)) < 20_000
