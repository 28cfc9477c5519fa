"""Items are made ahead, in order, and no more of them than needed."""

import itertools
import time

import pytest

from pretraining.prefetch import AHEAD, Ahead


@pytest.mark.parametrize("workers", [1, 3])
def test_items_come_in_the_order_of_their_keys(workers):
    def make(key):
        time.sleep(0.002 * (key % 3))
        return key * key

    assert list(Ahead(make, range(20), workers)) == [key * key for key in range(20)]


def test_an_endless_plan_is_made_a_little_ahead_only():
    made = []
    ahead = iter(Ahead(made.append, itertools.count()))
    for _ in range(5):
        next(ahead)
    assert 5 <= len(made) <= 5 + AHEAD + 1
    ahead.close()


def test_waiting_is_measured_and_working_is_not():
    slow = Ahead(lambda _: time.sleep(0.02), range(5))
    list(slow)
    assert slow.waited_s > 0.05
    fast = Ahead(lambda key: key, range(5))
    for _ in fast:
        time.sleep(0.02)
    assert fast.waited_s < slow.waited_s / 2


def test_an_error_reaches_the_consumer():
    with pytest.raises(ZeroDivisionError):
        list(Ahead(lambda key: 1 // key, range(3)))
