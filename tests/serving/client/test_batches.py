"""Requests of bounded size, and the pictures for which one is refused."""

import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.errors import InvalidInputError, MessageTooLargeError, ServerBusyError
from serving.client.batches import ask_each, cut
from serving.client.codec import Prediction

BAD = b"bad"


def prediction(data: bytes) -> Prediction:
    return Prediction(data.decode(), ((data.decode(), 1.0),), 1)


class Server:
    """Refuses a request with a bad picture; says which one only if it is one that names them."""

    def __init__(self, names: bool) -> None:
        self.calls = 0
        self._names = names

    def __call__(self, pictures: Sequence[bytes]) -> list[Prediction]:
        self.calls += 1
        assert pictures
        if BAD in pictures:
            where = f" (input {pictures.index(BAD)} of {len(pictures)}, counted from 0)"
            reason = "not a picture" + where * self._names
            raise InvalidInputError(f"INVALID_ARGUMENT: {reason}", reason)
        return [prediction(data) for data in pictures]


pictures_with_some_bad = st.lists(
    st.one_of(st.just(BAD), st.integers(0, 9).map(lambda n: b"%d" % n)), max_size=40
)


@given(pictures_with_some_bad, st.booleans())
def test_only_bad_pictures_are_refused_and_order_is_kept(
    pictures: list[bytes], names: bool
) -> None:
    server = Server(names)
    outcomes = ask_each(server, pictures)
    assert len(outcomes) == len(pictures)
    for data, outcome in zip(pictures, outcomes, strict=True):
        if data == BAD:
            assert isinstance(outcome, InvalidInputError)
            assert outcome.reason.startswith("not a picture")
            # A place in a request that the user has never seen would mislead.
            assert "counted from 0" not in str(outcome) + outcome.reason
        else:
            assert outcome == prediction(data)


@given(pictures_with_some_bad, st.booleans())
def test_culprits_are_found_with_few_requests(pictures: list[bytes], names: bool) -> None:
    server = Server(names)
    ask_each(server, pictures)
    culprits = pictures.count(BAD)
    if names:
        assert server.calls <= culprits + 1
    else:
        assert server.calls <= 1 + 2 * culprits * max(1, math.ceil(math.log2(len(pictures) or 1)))


def test_too_large_message_is_halved_though_the_server_names_nothing() -> None:
    asked = []

    def ask(pictures: Sequence[bytes]) -> list[Prediction]:
        asked.append(len(pictures))
        if len(pictures) > 2:
            raise MessageTooLargeError("too large", "too large")
        return [prediction(data) for data in pictures]

    assert len(ask_each(ask, [b"1"] * 8)) == 8
    assert asked == [8, 4, 2, 2, 4, 2, 2]


def test_index_beyond_the_request_is_not_believed() -> None:
    def ask(pictures: Sequence[bytes]) -> list[Prediction]:
        if BAD in pictures:
            raise InvalidInputError("x", "no (input 7 of 2, counted from 0)")
        return [prediction(data) for data in pictures]

    good, bad = ask_each(ask, [b"1", BAD])
    assert good == prediction(b"1")
    assert isinstance(bad, InvalidInputError)


def test_other_failures_are_not_blamed_on_pictures() -> None:
    def ask(_: Sequence[bytes]) -> list[Prediction]:
        raise ServerBusyError("busy")

    with pytest.raises(ServerBusyError):
        ask_each(ask, [b"1", b"2"])


@given(
    st.lists(st.integers(0, 50), max_size=60),
    st.integers(1, 7),
    st.integers(1, 100),
)
def test_batches_hold_everything_in_order_within_their_limits(
    sizes: list[int], max_items: int, max_bytes: int
) -> None:
    batches = list(cut(sizes, max_items=max_items, max_bytes=max_bytes, size=lambda n: n))
    assert [size for batch in batches for size in batch] == sizes
    for batch in batches:
        assert 1 <= len(batch) <= max_items
        assert sum(batch) <= max_bytes or len(batch) == 1
    for batch, following in itertools.pairwise(batches):
        assert len(batch) == max_items or sum(batch) + following[0] > max_bytes
