"""Requests that are joined get the answers they would get alone."""

import asyncio
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.server.batching import LIGHT_PIXELS, Batcher
from serving.server.options import Batching
from serving.status import InvalidArgumentError, ResourceExhaustedError

BAD = -1
ONE_AT_A_TIME = Batching(max_batch_size=2, max_enqueued_batches=2, num_batch_threads=1)


class Model:
    """Squares numbers, refuses BAD ones, and keeps the sizes of its batches."""

    def __init__(self, wait: threading.Event | None = None) -> None:
        self.sizes: list[int] = []
        self.running = threading.Event()
        self._wait = wait

    def run(self, _: str, inputs) -> dict[str, np.ndarray]:
        (x,) = inputs
        self.sizes.append(len(x))
        self.running.set()
        if self._wait is not None:
            self._wait.wait(10)
        if (x == BAD).any():
            raise InvalidArgumentError("bad number")
        return {"y": x * x}


def answers(batcher: Batcher, requests: list[list[int]]) -> list:
    async def ask() -> list:
        calls = [batcher.submit("s", [np.array(rows)]) for rows in requests]
        return await asyncio.gather(*calls, return_exceptions=True)

    try:
        return asyncio.run(ask())
    finally:
        batcher.close()


@settings(deadline=None, max_examples=60)
@given(
    requests=st.lists(st.lists(st.integers(-1, 20), min_size=1, max_size=9), max_size=12),
    size=st.integers(1, 6),
    padded=st.booleans(),
)
def test_every_request_gets_its_own_answer_or_the_index_of_its_bad_row(
    requests: list[list[int]], size: int, padded: bool
) -> None:
    model = Model()
    batching = Batching(
        max_batch_size=size,
        allowed_batch_sizes=(size,) if padded else (),
        max_enqueued_batches=1000,
    )
    for rows, answer in zip(requests, answers(Batcher(model.run, batching), requests), strict=True):
        if BAD in rows:
            where = f" (input {rows.index(BAD)} of {len(rows)}, counted from 0)"
            assert str(answer) == "bad number" + (where if len(rows) > 1 else "")
        else:
            assert answer["y"].tolist() == [x * x for x in rows]
    assert all(rows == size if padded else rows <= size for rows in model.sizes)


def test_what_waits_while_a_batch_runs_is_joined() -> None:
    go = threading.Event()
    model = Model(go)
    batcher = Batcher(model.run, Batching(max_batch_size=4, num_batch_threads=1))

    async def ask() -> None:
        calls = [asyncio.ensure_future(batcher.submit("s", [np.array([0])]))]
        await asyncio.to_thread(model.running.wait, 10)
        calls += [asyncio.ensure_future(batcher.submit("s", [np.array([i])])) for i in range(6)]
        await asyncio.sleep(0.05)
        assert batcher.queued_rows == 6
        go.set()
        await asyncio.gather(*calls)

    asyncio.run(ask())
    batcher.close()
    assert model.sizes == [1, 4, 2]


def test_full_queue_refuses_at_once_and_goes_on() -> None:
    go = threading.Event()
    model = Model(go)
    batcher = Batcher(model.run, ONE_AT_A_TIME)

    async def ask() -> None:
        calls = [asyncio.ensure_future(batcher.submit("s", [np.array([0])]))]
        await asyncio.to_thread(model.running.wait, 10)
        calls += [asyncio.ensure_future(batcher.submit("s", [np.array([i])])) for i in range(4)]
        await asyncio.sleep(0.05)
        with pytest.raises(ResourceExhaustedError, match="4 of 4 rows wait"):
            await asyncio.wait_for(batcher.submit("s", [np.array([9])]), 1)
        go.set()
        assert [int(answer["y"][0]) for answer in await asyncio.gather(*calls)] == [0, 0, 1, 4, 9]

    asyncio.run(ask())
    batcher.close()


def test_cancelled_request_leaves_the_queue() -> None:
    go = threading.Event()
    model = Model(go)
    batcher = Batcher(model.run, Batching(max_batch_size=1, num_batch_threads=1))

    async def ask() -> None:
        first = asyncio.ensure_future(batcher.submit("s", [np.array([0])]))
        await asyncio.to_thread(model.running.wait, 10)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(batcher.submit("s", [np.array([1])]), 0.05)
        assert batcher.queued_rows == 0
        go.set()
        await first

    asyncio.run(ask())
    batcher.close()
    assert model.sizes == [1]


def test_a_batch_that_is_not_full_waits_for_its_timeout_only() -> None:
    model = Model()
    batcher = Batcher(model.run, Batching(max_batch_size=2, batch_timeout_ms=300))

    async def ask() -> tuple[float, float]:
        started = time.monotonic()
        await batcher.submit("s", [np.array([1])])
        alone = time.monotonic() - started
        started = time.monotonic()
        await asyncio.gather(*(batcher.submit("s", [np.array([i])]) for i in range(2)))
        return alone, time.monotonic() - started

    alone, full = asyncio.run(ask())
    batcher.close()
    assert alone >= 0.3
    assert full < 0.3
    assert model.sizes == [1, 2]


def test_rows_of_another_shape_are_not_joined() -> None:
    model = Model()
    batcher = Batcher(model.run, Batching(batch_timeout_ms=50))

    async def ask() -> list:
        shapes = ((1, 2), (1, 3), (2, 2))
        return await asyncio.gather(*(batcher.submit("s", [np.ones(s, int)]) for s in shapes))

    assert [answer["y"].shape for answer in asyncio.run(ask())] == [(1, 2), (1, 3), (2, 2)]
    batcher.close()


def test_with_two_threads_a_second_batch_starts_while_one_runs() -> None:
    both = threading.Barrier(2, timeout=10)

    def run(_: str, inputs) -> dict[str, np.ndarray]:
        both.wait()  # breaks, and the request fails, unless two are here at a time
        return {"y": inputs[0]}

    batcher = Batcher(run, Batching(max_batch_size=1, num_batch_threads=2))
    assert all(isinstance(answer, dict) for answer in answers(batcher, [[1], [2]]))


@given(
    pixels=st.lists(st.integers(0, 9), min_size=1, max_size=12),
    size=st.integers(1, 4),
    rows_of_a_request=st.integers(1, 5),
)
def test_no_batch_has_more_pixels_than_allowed_but_a_single_row(
    pixels: list[int], size: int, rows_of_a_request: int
) -> None:
    step = rows_of_a_request
    sent = [pixels[at : at + step] for at in range(0, len(pixels), step)]
    batches: list[list[int]] = []

    def run(_: str, inputs) -> dict[str, np.ndarray]:
        batches.append(inputs[0].tolist())
        return {"y": inputs[0]}

    async def ask(batcher: Batcher) -> list:
        calls = [batcher.submit("s", [np.array(rows)], rows) for rows in sent]
        return await asyncio.gather(*calls)

    batcher = Batcher(run, Batching(max_batch_size=size, max_enqueued_batches=60), max_pixels=10)
    try:
        answered = asyncio.run(ask(batcher))
    finally:
        batcher.close()
    assert [answer["y"].tolist() for answer in answered] == sent
    assert all(len(batch) <= size for batch in batches)
    assert all(sum(batch) <= 10 or len(batch) == 1 for batch in batches)


def test_a_bad_row_among_large_ones_is_named() -> None:
    batcher = Batcher(Model().run, Batching(), max_pixels=3)

    async def ask() -> None:
        await batcher.submit("s", [np.array([1, 2, BAD, 3])], [2, 2, 2, 2])

    with pytest.raises(InvalidArgumentError, match="input 2 of 4"):
        asyncio.run(ask())
    batcher.close()


def test_large_requests_leave_a_thread_and_half_of_the_queue_to_others() -> None:
    go, large = threading.Event(), [LIGHT_PIXELS + 1]

    def run(_: str, inputs) -> dict[str, np.ndarray]:
        if inputs[0][0] < 0:  # a large one
            go.wait(10)
        return {"y": inputs[0]}

    batcher = Batcher(run, Batching(max_batch_size=1, max_enqueued_batches=8, num_batch_threads=2))

    async def ask() -> None:
        calls = []
        for _ in range(5):
            calls.append(asyncio.ensure_future(batcher.submit("s", [np.array([-1])], large)))
            await asyncio.sleep(0.02)
        assert batcher.queued_rows == 4  # one is computed, the other thread waits
        with pytest.raises(ResourceExhaustedError, match="full of large requests: 4 rows"):
            await batcher.submit("s", [np.array([-1])], large)
        with pytest.raises(ResourceExhaustedError, match="full of large requests"):
            await batcher.submit("s", [np.array([-1, -1])])  # more rows than a batch
        for number in range(20):
            answer = await asyncio.wait_for(batcher.submit("s", [np.array([number])]), 5)
            assert answer["y"] == [number]
        go.set()
        await asyncio.wait_for(asyncio.gather(*calls), 5)

    try:
        asyncio.run(ask())
    finally:
        go.set()
        batcher.close()
