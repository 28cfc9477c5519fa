"""No more is in at once than there is room for, and nobody waits for ever."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from components.image_example_gen.room import Room


@settings(max_examples=30)
@given(st.lists(st.integers(0, 12), max_size=40))
def test_what_is_in_at_once_never_exceeds_the_limit(amounts):
    room, inside, most = Room(10), [], [0]

    def work(amount):
        with room.take(amount):
            inside.append(min(amount, 10))
            most[0] = max(most[0], sum(inside))
            time.sleep(0.0005)
            inside.remove(min(amount, 10))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, amounts))
    assert most[0] <= 10


def test_a_large_one_is_not_passed_by_small_ones():
    room, order = Room(10), []

    def work(amount):
        with room.take(amount):
            order.append(amount)

    with room.take(5):
        threads = [threading.Thread(target=work, args=[amount]) for amount in (8, 1, 2)]
        for thread in threads:
            thread.start()
            time.sleep(0.02)
        assert order == []
    for thread in threads:
        thread.join()
    assert order[0] == 8


def test_room_is_given_back_after_a_failure():
    room = Room(10)
    for _ in range(3):
        try:
            with room.take(10):
                raise KeyError
        except KeyError:
            pass
    with room.take(10):
        pass
