"""Intervals of shares that are known from other places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.model import interval


def test_wilson_is_that_of_the_literature():
    """R. G. Newcombe 1998 (single proportions), table I, method 3."""
    assert interval.wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert interval.wilson(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert interval.wilson(0 / 20, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert interval.wilson(1 / 29, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_a_difference_is_that_of_the_literature():
    """R. G. Newcombe 1998 (differences), table II, method 10: 56/70 - 48/80."""
    found = interval.difference(48 / 80, 80, 56 / 70, 70)
    assert found == pytest.approx((0.0524, 0.3339), abs=5e-5)


@given(number=st.integers(1, 10_000), data=st.data())
def test_an_interval_holds_the_share_and_stays_a_share(number, data):
    share = data.draw(st.integers(0, number)) / number
    low, high = interval.wilson(share, number)
    assert 0 <= low <= share <= high <= 1
    assert low < high
