"""Whether two models differ by more than chance."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.gate import paired
from components.gate.paired import Pairs
from tests.components.gate.answers import shown

COUNTS = st.integers(0, 60)


@given(gained=COUNTS, lost=COUNTS)
def test_the_test_is_mcnemars_exact_one(gained, lost):
    coins = gained + lost
    tail = sum(math.comb(coins, heads) for heads in range(lost, coins + 1)) / 2**coins
    assert paired.chance(Pairs(200, gained, lost)).drop == pytest.approx(tail)


@given(gained=COUNTS, lost=COUNTS)
def test_a_drop_for_one_is_a_gain_for_the_other(gained, lost):
    one, other = paired.chance(Pairs(200, gained, lost)), paired.chance(Pairs(200, lost, gained))
    assert (one.drop, one.gain) == (other.gain, other.drop)


def test_pictures_on_which_both_agree_decide_nothing():
    pairs = paired.count([
        shown("ant", "ant", "ant"), shown("ant", "bee", "bee"), shown("ant", "bee", "ant"),
        shown("bee", "bee", "cat"),
    ])  # fmt: skip
    assert pairs == {"ant": Pairs(3, 0, 1), "bee": Pairs(1, 1, 0)}
    assert paired.together(pairs.values()) == Pairs(4, 1, 1)


@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(COUNTS, COUNTS), min_size=1))
def test_with_classes_of_one_size_the_balanced_test_is_the_plain_one(counts):
    pairs = {name: Pairs(120, gained, lost) for name, (gained, lost) in counts.items()}
    total = paired.together(pairs.values())
    assert paired.balanced_change(pairs) == pytest.approx(total.change)
    assert paired.balanced_chance(pairs) == paired.chance(total)


def test_a_rare_class_that_collapses_is_a_drop_of_balanced_accuracy_and_none_of_accuracy():
    pairs = {"common": Pairs(1000, 40, 0), "rare": Pairs(20, 0, 15)}
    assert paired.chance(paired.together(pairs.values())).drop > 0.99
    assert paired.balanced_change(pairs) < -0.3
    assert paired.balanced_chance(pairs).drop < 0.001


def test_the_drawn_probability_is_the_exact_one():
    pairs = {"a": Pairs(10, 1, 4), "b": Pairs(20, 2, 3)}
    exact = 0.0
    for a in range(6):
        for b in range(6):
            change = (2 * a - 5) / 10 + (2 * b - 5) / 20
            if change <= -3 / 10 - 1 / 20 + 1e-9:
                exact += math.comb(5, a) * math.comb(5, b) / 2**10
    assert paired.balanced_chance(pairs).drop == pytest.approx(exact, abs=0.01)
