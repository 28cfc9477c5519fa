"""When a call is tried again, by a clock of the test's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.errors import (
    ClientOptionsError,
    DeadlineExceededError,
    InvalidInputError,
    ServerBusyError,
    ServerUnreachableError,
    ServingError,
    TlsError,
)
from serving.client.retry import Retry


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Failing:
    """Fails as often as told, each call taking `seconds`."""

    def __init__(self, clock: Clock, error: ServingError, times: int, seconds: float = 0) -> None:
        self.left: list[float] = []
        self._clock, self._error, self._times, self._seconds = clock, error, times, seconds

    def __call__(self, left_s: float) -> str:
        self.left.append(left_s)
        self._clock.now += self._seconds
        if len(self.left) <= self._times:
            raise self._error
        return "answer"


@pytest.mark.parametrize("error", [ServerUnreachableError("away"), ServerBusyError("busy")])
def test_server_that_is_away_or_busy_is_tried_again(error: ServingError) -> None:
    clock = Clock()
    attempt = Failing(clock, error, times=4)
    assert Retry().call(attempt, 30, clock=clock, sleep=clock.sleep) == "answer"
    assert len(attempt.left) == 5
    assert clock.slept == [pytest.approx(0.1 * 2**n, rel=0.21) for n in range(4)]


@pytest.mark.parametrize(
    "error",
    [
        *(DeadlineExceededError("late"), InvalidInputError("no", "no"), TlsError("untrusted")),
        ServingError("internal"),
    ],
)
def test_what_would_fail_again_is_not_tried_again(error: ServingError) -> None:
    clock = Clock()
    attempt = Failing(clock, error, times=1)
    with pytest.raises(type(error)):
        Retry().call(attempt, 30, clock=clock, sleep=clock.sleep)
    assert len(attempt.left) == 1


def test_each_attempt_is_given_the_time_that_is_left() -> None:
    clock = Clock()
    attempt = Failing(clock, ServerBusyError("busy"), times=2, seconds=4)
    Retry().call(attempt, 30, clock=clock, sleep=clock.sleep)
    assert attempt.left == [30, pytest.approx(25.9, abs=0.03), pytest.approx(21.7, abs=0.07)]


def test_a_servers_wish_is_heeded_up_to_the_longest_wait() -> None:
    for wish, waited in ((1.0, 1.0), (60.0, 2.0)):
        clock = Clock()
        Retry().call(
            Failing(clock, ServerBusyError("busy", wish), times=1),
            30,
            clock=clock,
            sleep=clock.sleep,
        )
        assert clock.slept == [waited]


@given(
    attempts=st.integers(1, 12),
    first=st.floats(0, 5),
    longest=st.floats(0, 5),
    timeout=st.floats(0.01, 20),
    seconds=st.floats(0, 3),
)
def test_neither_attempts_nor_time_are_exceeded(
    attempts: int, first: float, longest: float, timeout: float, seconds: float
) -> None:
    clock = Clock()
    attempt = Failing(clock, ServerBusyError("busy"), times=1000, seconds=seconds)
    with pytest.raises(ServerBusyError):
        Retry(attempts, first, longest).call(attempt, timeout, clock=clock, sleep=clock.sleep)
    assert len(attempt.left) <= attempts
    assert all(left > 0 for left in attempt.left)
    assert sum(clock.slept) < timeout
    assert all(wait <= longest * 1.2 for wait in clock.slept)


def test_no_attempt_at_all_is_refused() -> None:
    with pytest.raises(ClientOptionsError, match="at least one attempt"):
        Retry(attempts=0)
