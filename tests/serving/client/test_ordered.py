"""Several things at once, in order."""

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from serving.client.ordered import Workers


def test_results_come_in_the_order_of_the_things() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.02 if number % 4 == 0 else 0)
        return number

    with Workers(4) as workers:
        assert list(workers.map(slow_first, range(40), ahead=8)) == list(range(40))


def test_things_are_done_at_the_same_time() -> None:
    barrier = threading.Barrier(3)
    with Workers(3) as workers:
        # Each waits until three are in progress.
        assert list(workers.map(lambda _: barrier.wait(5) >= 0, range(3), ahead=3)) == [True] * 3


def test_no_more_is_taken_than_allowed_ahead() -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        for number in itertools.count():
            taken += 1
            yield number

    with Workers(2) as workers:
        results = workers.map(lambda number: number, endless(), ahead=5)
        for expected in range(20):
            assert next(results) == expected
            assert taken <= expected + 6
        results.close()


def test_first_failure_is_raised_in_its_place_and_what_waits_is_dropped() -> None:
    done = []

    def fail_at_two(number: int) -> int:
        if number == 2:
            raise KeyError(number)
        time.sleep(0.01)
        done.append(number)
        return number

    with Workers(1) as workers:
        results = workers.map(fail_at_two, range(100), ahead=50)
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(KeyError):
            next(results)
    time.sleep(0.05)
    assert len(done) < 10


def test_threads_end_with_the_block() -> None:
    before = set(threading.enumerate())
    with Workers(3) as workers:
        list(workers.map(abs, range(3), ahead=3))
        mine = set(threading.enumerate()) - before
        assert len(mine) == 3
    for thread in mine:
        thread.join(5)
        assert not thread.is_alive()
