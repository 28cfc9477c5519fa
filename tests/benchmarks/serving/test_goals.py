import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.serving import goals
from benchmarks.serving.goals import Goal

NAN = math.nan


@pytest.mark.parametrize(
    ("at_least", "measured", "met"),
    [
        *((True, 0.9, True), (True, 1.2, True), (True, 0.899, False), (True, NAN, False)),
        *((False, 0.9, True), (False, 0.1, True), (False, 0.901, False), (False, NAN, False)),
    ],
)
def test_goal_is_met_at_its_limit_and_beyond_and_never_by_nothing(at_least, measured, met):
    assert Goal("", 0.9, at_least, measured).met is met


def test_wanted_is_told_with_limit_and_unit():
    assert Goal("", 1500, True, 0).wanted == "at least 1,500"
    assert Goal("", 0.8, True, 0, "x").wanted == "at least 0.8x"
    assert Goal("", 100.0, False, 0, " ms").wanted == "at most 100 ms"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0, "0"), (-3.0, "-3"), (0.12345, "0.123"), (-1.239, "-1.24"), (99.4, "99.4")),
        *((99.96, "100"), (123.4, "123"), (86400, "86,400"), (-1234.5, "-1,234")),
        *((1e15, "1,000,000,000,000,000"), (1.5e-6, "0.0000015"), (NAN, "nothing")),
    ],
)
def test_numbers_have_three_digits_that_matter(value, text):
    assert goals.number(value) == text


@given(st.floats(allow_infinity=False))
def test_numbers_never_have_an_exponent(value):
    assert "e" not in goals.number(value).lower()


@given(st.floats(-5, 5), st.floats(-100, 100), st.integers(4, 60))
def test_slope_of_a_line_is_its_own(rise, start, count):
    counts = [10 * number for number in range(count)]
    values = [start + rise * n for n in counts]
    assert goals.slope(counts, values) == pytest.approx(rise, abs=1e-9)


def test_slope_leaves_out_the_first_half():
    counts = list(range(20))
    rising, flat = [100.0 * number for number in range(10)], [900.0] * 10
    assert goals.slope(counts, rising + flat) == 0
    assert goals.slope(counts, flat + rising) == pytest.approx(100)


def test_slope_goes_between_samples_that_scatter():
    counts = [0, 0, 0, 0, 0, 10, 20, 30]
    assert goals.slope(counts, [0, 0, 0, 0, 1, 0, 1, 2]) == pytest.approx(0.04)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("counts", "values"),
    [([], []), ([1], [1]), ([1, 2], [1, 2]), ([0, 1, 5, 5, 5], [0, 0, 1, 2, 3])],
)
def test_slope_of_too_few_samples_is_not_known(counts, values):
    assert math.isnan(goals.slope(counts, values))
