"""The demo's pictures."""

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from pipeline import digits


def test_every_digit_is_written_once_and_two_of_each_class_are_held_out(tmp_path):
    data, held_out = digits.write(tmp_path / "demo")
    names = [path.name for part in (data, held_out) for path in part.glob("*/*.png")]
    assert sorted(names) == [f"{index:04}.png" for index in range(1797)]
    assert {part.name: len(list(part.iterdir())) for part in held_out.iterdir()} == {
        str(label): 2 for label in range(10)
    }
    assert sorted(part.name for part in (tmp_path / "demo").iterdir()) == ["digits", "held_out"]


def test_pictures_show_their_digit_in_256_grey_levels(tmp_path):
    data, _ = digits.write(tmp_path)
    source = load_digits()
    path = data / str(source.target[100]) / "0100.png"
    pixels = np.asarray(Image.open(path)).astype(float)
    np.testing.assert_allclose(pixels, source.images[100] * 255 / 16, atol=1)


def test_pictures_that_are_there_are_left_alone(tmp_path):
    data, _ = digits.write(tmp_path)
    mine = data / "3" / "mine.png"
    mine.write_bytes(b"x")
    digits.write(tmp_path)
    assert mine.exists()


def test_an_interrupted_writing_is_completed(tmp_path):
    (tmp_path / "digits" / "0").mkdir(parents=True)
    data, _ = digits.write(tmp_path)
    assert len(list(data.glob("*/*.png"))) == 1777
