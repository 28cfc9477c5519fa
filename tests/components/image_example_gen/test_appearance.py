"""Sizes and single colours, as the ingest counts them."""

import io

import numpy as np
import pytest
from PIL import Image

from components.image_example_gen.appearance import describe, is_single_colour
from components.image_example_gen.outcomes import AcceptedFile


def file(name, width, height, *, single_colour=False):
    label = name.partition("/")[0]
    return AcceptedFile(
        name, label, "train", name, False, width=width, height=height, single_colour=single_colour
    )


def test_sizes_are_counted_by_class_the_most_frequent_first():
    found = describe([file("a/1", 8, 6), file("a/2", 9, 6), file("a/3", 9, 6), file("b/1", 6, 9)])
    assert found["sizes"] == {"a": [[9, 6, 2], [8, 6, 1]], "b": [[6, 9, 1]]}
    assert found["shorter_sides"] == [(6, 4)]


def test_pictures_of_one_colour_are_counted_and_the_first_named():
    files = [file(f"a/{index:02}", 8, 8, single_colour=True) for index in reversed(range(30))]
    found = describe([*files, file("b/1", 8, 8)])
    assert found["single_colour"] == 30
    assert found["of_one_colour"] == [f"a/{index:02}" for index in range(20)]


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (700, 900)])
def test_one_colour_saved_as_jpeg_is_one_colour(size):
    buffer = io.BytesIO()
    Image.new("RGB", size, (200, 30, 90)).save(buffer, "JPEG", quality=80)
    assert is_single_colour(np.asarray(Image.open(buffer)))


def test_the_noise_of_a_covered_lens_is_one_colour_and_a_drawn_line_is_none():
    noise = np.random.default_rng(0).normal(10, 1.0, (600, 600, 3)).clip(0, 255).astype(np.uint8)
    assert is_single_colour(noise)
    drawn = np.full((600, 600, 3), 255, np.uint8)
    drawn[:, 300:306] = 0
    assert not is_single_colour(drawn)
