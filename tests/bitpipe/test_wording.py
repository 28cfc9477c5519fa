"""How sentences speak of a number of things."""

import pytest

from bitpipe.wording import counted


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1500, "1,500 files")]
)
def test_one_thing_is_told_in_the_singular_and_no_other_number_of_them(number, told):
    assert counted(number, "file") == told


def test_a_plural_of_its_own_is_taken():
    assert counted(1, "class", plural="classes") == "1 class"
    assert counted(3, "class", plural="classes") == "3 classes"
