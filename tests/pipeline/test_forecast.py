"""What is known of the pictures before the first stage."""

from pathlib import Path

import pytest

from components.image_example_gen.listing import ListedPicture
from components.image_example_gen.sources.registry import list_pictures
from pipeline import forecast
from tests.pictures import picture


def listed(split):
    return ListedPicture("a/1.png", "a", split, 1, 0, "class_folders")


def test_pictures_of_no_split_count_as_far_as_they_will_be_trained_on():
    given = [listed("train")] * 3 + [listed("eval")] * 5 + [listed("test")] * 7
    assert forecast._trained_on(given, 0.2) == 3
    assert forecast._trained_on([listed(None)] * 10, 0.2) == 8


def test_the_size_is_read_from_a_few_headers(tmp_path: Path):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(9):
            (tmp_path / label / f"{number}.png").write_bytes(picture("red", size=(20, 30)))
    assert forecast._area(list_pictures(str(tmp_path))) == pytest.approx(600)
