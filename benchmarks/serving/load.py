"""Closed-loop and open-loop load, bounded in number and time, and what came of it."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import numpy as np

OK = "OK"
NOT_SENT = "NOT_SENT"  # as many as allowed were under way

# Sends the request of this number, and says how it ended: OK, or the name of another code.
Call = Callable[[int], Awaitable[str]]


class Answer(NamedTuple):
    """The end of one request; both times in seconds after the load began.

    Attributes:
        due_s: when it was sent (closed loop), or should have been (open loop). Counted from the
            latter, a stall of the server is felt by all who would have come meanwhile, not only by
            the few whose requests were under way ("coordinated omission").
        done_s: when its answer was there.
        code: OK or another.
    """

    due_s: float
    done_s: float
    code: str


@dataclasses.dataclass(frozen=True)
class Outcome:
    """All answers to a load that was offered for `seconds`."""

    answers: Sequence[Answer]
    seconds: float

    @property
    def codes(self) -> Counter[str]:
        """Code -> how many answers had it."""
        return Counter(answer.code for answer in self.answers)

    def latencies_ms(self, *codes: str) -> dict[str, float]:
        """Percentiles of the answers with these codes: p50, p95, p99 and max; nothing if none."""
        taken = [1e3 * (a.done_s - a.due_s) for a in self.answers if a.code in codes]
        return percentiles(taken)

    def goodput(self, ramp_s: float) -> float:
        """OK answers a second, from the first after `ramp_s` to the last before the load's end.

        Both ends are moments of an answer: where batches of sixteen come back together, a window
        that ends anywhere would count half a batch too many or too few.
        """
        done = sorted(a.done_s for a in self.answers if a.code == OK and a.done_s <= self.seconds)
        before = [moment for moment in done if moment <= ramp_s]
        after = done[len(before) :]
        if not before:  # then the first answer is where the window starts
            before, after = after[:1], after[1:]
        return len(after) / (after[-1] - before[-1]) if after else 0.0


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and max; nothing of nothing."""
    if not values:
        return {}
    found = np.percentile(values, [50, 95, 99, 100])
    return dict(zip(("p50", "p95", "p99", "max"), map(float, found), strict=True))


async def closed(
    call: Call, clients: int, *, seconds: float, most: int, stop: asyncio.Event | None = None
) -> Outcome:
    """`clients` at once, each with its next request as soon as its last one is answered.

    Args:
        call: see `Call`.
        clients: how many.
        seconds: nothing is sent later; what is under way then is waited for.
        most: requests in all.
        stop: when set, nothing more is sent.
    """
    answers: list[Answer] = []
    numbers = itertools.count()
    began = time.perf_counter()

    async def client() -> None:
        while (sent := time.perf_counter() - began) < seconds and (number := next(numbers)) < most:
            if stop is not None and stop.is_set():
                return
            code = await call(number)
            answers.append(Answer(sent, time.perf_counter() - began, code))

    await asyncio.gather(*(client() for _ in range(clients)))
    return Outcome(answers, seconds)


async def open_loop(
    call: Call, arrivals: Sequence[float], *, seconds: float, most_outstanding: int
) -> Outcome:
    """Sends at the given times, whether or not earlier requests are answered.

    Args:
        call: see `Call`.
        arrivals: ascending, in seconds after the start.
        seconds: for which they were drawn.
        most_outstanding: under way at once; those beyond are not sent, and end as NOT_SENT.
    """
    answers: list[Answer] = []
    under_way: set[asyncio.Task[None]] = set()
    began = time.perf_counter()

    async def send(number: int, due: float) -> None:
        code = await call(number)
        answers.append(Answer(due, time.perf_counter() - began, code))

    for number, due in enumerate(arrivals):
        # Also when late: the loop must get to read answers in between.
        await asyncio.sleep(max(0.0, due - (time.perf_counter() - began)))
        if len(under_way) >= most_outstanding:
            answers.append(Answer(due, time.perf_counter() - began, NOT_SENT))
            continue
        task = asyncio.create_task(send(number, due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    return Outcome(answers, seconds)


def poisson(rate: float, seconds: float, seed: int) -> list[float]:
    """Times in [0, seconds) at which independent clients come, `rate` of them a second."""
    rng = random.Random(seed)
    times: list[float] = []
    moment = rng.expovariate(rate)
    while moment < seconds:
        times.append(moment)
        moment += rng.expovariate(rate)
    return times
