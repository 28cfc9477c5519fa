"""The bytes of all requests together."""

import pytest

from serving.server.buffered import SMALL_BYTES, Buffered
from serving.status import ResourceExhaustedError


def test_large_requests_share_a_budget_and_small_ones_are_let_in() -> None:
    buffered = Buffered(10 * SMALL_BYTES)
    with buffered.request() as first:
        first.grow_to(3 * SMALL_BYTES)
        first.grow_to(9 * SMALL_BYTES)
        with buffered.request() as second:
            with pytest.raises(ResourceExhaustedError, match="hold 9437184 of 10485760 bytes"):
                second.grow_to(2 * SMALL_BYTES)
            second.grow_to(SMALL_BYTES)
            with buffered.request() as third:
                third.grow_to(SMALL_BYTES)
                assert buffered.size == 11 * SMALL_BYTES
        assert buffered.size == first.size
    assert buffered.size == 0
