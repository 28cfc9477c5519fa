import asyncio
import itertools
import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.serving import load
from benchmarks.serving.load import NOT_SENT, OK, Answer, Outcome


class Served:
    """A call of one length; keeps the numbers it was given and how many were under way at most."""

    def __init__(self, seconds):
        self.numbers = []
        self.most = 0
        self._seconds = seconds
        self._under_way = 0

    async def __call__(self, number):
        self.numbers.append(number)
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        await asyncio.sleep(self._seconds)
        self._under_way -= 1
        return OK


def done_at(*moments, code=OK):
    return [Answer(moment - 0.5, moment, code) for moment in moments]


@pytest.mark.parametrize("most", [0, 1, 3, 7])
def test_closed_loop_sends_no_more_than_it_may(clock, most):
    call = Served(1.0)
    outcome = clock.run(load.closed(call, 3, seconds=100.0, most=most))
    assert sorted(call.numbers) == list(range(most))
    assert len(outcome.answers) == most


def test_closed_loop_sends_nothing_late_and_waits_for_what_is_under_way(clock):
    outcome = clock.run(load.closed(Served(1.0), 2, seconds=2.5, most=1000))
    assert [answer.due_s for answer in outcome.answers] == [0, 0, 1, 1, 2, 2]
    assert [answer.done_s for answer in outcome.answers] == [1, 1, 2, 2, 3, 3]
    assert outcome.seconds == 2.5


def test_closed_loop_without_time_left_sends_nothing(clock):
    assert not clock.run(load.closed(Served(1.0), 2, seconds=-1.0, most=9)).answers


def test_closed_loop_has_as_many_under_way_as_there_are_clients(clock):
    call = Served(1.0)
    clock.run(load.closed(call, 5, seconds=10.0, most=1000))
    assert call.most == 5


def test_closed_loop_ends_when_told_and_keeps_the_answers(clock):
    async def stopped():
        stop = asyncio.Event()
        running = asyncio.ensure_future(
            load.closed(Served(1.0), 2, seconds=100.0, most=1000, stop=stop)
        )
        await asyncio.sleep(2.5)
        stop.set()
        return await running

    outcome = clock.run(stopped())
    assert [answer.done_s for answer in outcome.answers] == [1, 1, 2, 2, 3, 3]


def test_codes_are_those_of_the_calls(clock):
    async def call(number):
        await asyncio.sleep(1.0)
        return OK if number % 3 else "UNAVAILABLE"

    outcome = clock.run(load.closed(call, 1, seconds=100.0, most=9))
    assert outcome.codes == {OK: 6, "UNAVAILABLE": 3}


def test_open_loop_sends_when_due_whether_or_not_it_was_answered(clock):
    call = Served(10.0)
    outcome = clock.run(load.open_loop(call, [0.0, 0.5, 2.0], seconds=3.0, most_outstanding=9))
    assert call.numbers == [0, 1, 2]
    assert [answer.due_s for answer in outcome.answers] == [0.0, 0.5, 2.0]
    assert [answer.done_s for answer in outcome.answers] == [10.0, 10.5, 12.0]


def test_a_stall_is_felt_by_all_who_would_have_come_meanwhile(clock):
    async def call(number):
        if number == 0:
            clock.stall(2.0)
        return OK

    arrivals = [0.0, 0.5, 1.0, 1.5, 4.0]
    outcome = clock.run(load.open_loop(call, arrivals, seconds=5.0, most_outstanding=9))
    waits = [answer.done_s - answer.due_s for answer in outcome.answers]
    assert waits == [2.0, 1.5, 1.0, 0.5, 0.0]


def test_what_exceeds_the_most_outstanding_is_not_sent(clock):
    call = Served(10.0)
    arrivals = [0.0, 1.0, 2.0, 3.0, 10.5]
    outcome = clock.run(load.open_loop(call, arrivals, seconds=11.0, most_outstanding=2))
    assert call.numbers == [0, 1, 4]
    assert [a.due_s for a in outcome.answers if a.code == NOT_SENT] == [2.0, 3.0]
    assert outcome.codes == {OK: 3, NOT_SENT: 2}


def test_answers_are_read_even_when_all_requests_are_late(clock):
    outcome = clock.run(load.open_loop(Served(0), [0.0] * 50, seconds=1.0, most_outstanding=5))
    assert outcome.codes == {OK: 50}


def test_goodput_is_counted_between_the_ramp_and_the_end():
    outcome = Outcome(done_at(1, 2, 3, 4, 5, 9, 11), seconds=10.0)
    assert outcome.goodput(2.5) == pytest.approx(4 / (9 - 2))


def test_goodput_starts_at_the_first_answer_where_none_comes_before_the_ramp():
    # Two a second, which counted from 0.0 on would be 8 in 4.25 s.
    outcome = Outcome(done_at(*(0.75 + number / 2 for number in range(8))), seconds=10.0)
    assert outcome.goodput(0.0) == pytest.approx(2.0)


def test_goodput_counts_neither_failures_nor_an_order_of_answers():
    answers = done_at(4, 2, 3, 1) + done_at(1.1, 1.2, 5, code="UNAVAILABLE")
    assert Outcome(answers, seconds=10.0).goodput(1.0) == pytest.approx(1.0)


@pytest.mark.parametrize("answers", [[], done_at(0.5), done_at(11), done_at(5, code="INTERNAL")])
def test_goodput_of_nothing_in_time_is_nothing(answers):
    assert Outcome(answers, seconds=10.0).goodput(1.0) == 0.0


@settings(max_examples=40)
@given(
    batch=st.integers(1, 32),
    period=st.floats(0.05, 2.0),
    ramp=st.floats(2.0, 4.0),
    end=st.floats(10.0, 20.0),
)
def test_goodput_of_batches_that_come_together_depends_on_no_end_of_the_window(
    batch, period, ramp, end
):
    moments = [period * (turn + 1) for turn in range(int(25 / period)) for _ in range(batch)]
    outcome = Outcome(done_at(*moments), seconds=end)
    assert outcome.goodput(ramp) == pytest.approx(batch / period, rel=1e-6)


def test_percentiles_are_of_milliseconds_and_of_the_asked_codes_only():
    answers = [Answer(1.0, 1.0 + number / 1e3, OK) for number in range(101)]
    answers += [Answer(0.0, 9.0, "UNAVAILABLE"), Answer(0.0, 5.0, NOT_SENT)]
    outcome = Outcome(answers, seconds=1.0)
    assert outcome.latencies_ms(OK) == pytest.approx({"p50": 50, "p95": 95, "p99": 99, "max": 100})
    assert outcome.latencies_ms(OK, "UNAVAILABLE")["max"] == pytest.approx(9000)
    assert outcome.latencies_ms("INTERNAL") == {}


@pytest.mark.parametrize(("rate", "seconds"), [(5.0, 400.0), (2000.0, 3.0)])
def test_arrivals_are_as_many_as_the_rate_says_within_statistics(rate, seconds):
    count = len(load.poisson(rate, seconds, seed=0))
    assert abs(count - rate * seconds) < 4 * math.sqrt(rate * seconds)


def test_arrivals_are_independent_of_each_other():
    times = load.poisson(100.0, 100.0, seed=1)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    # Exponential gaps vary as much as their mean; a metronome's do not vary.
    assert statistics.stdev(gaps) == pytest.approx(statistics.mean(gaps), rel=0.05)


@given(st.floats(0.1, 1000.0), st.floats(0.0, 5.0), st.integers())
def test_arrivals_ascend_within_the_time_and_are_those_of_their_seed(rate, seconds, seed):
    times = load.poisson(rate, seconds, seed)
    assert times == sorted(times)
    assert all(0 <= time < seconds for time in times)
    assert times == load.poisson(rate, seconds, seed)


def test_another_seed_makes_other_arrivals():
    assert load.poisson(10.0, 10.0, seed=0) != load.poisson(10.0, 10.0, seed=1)
