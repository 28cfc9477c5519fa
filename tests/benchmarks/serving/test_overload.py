"""What is answered and what is refused, by a server that has room for a few requests."""

import asyncio
import math

import grpc
import pytest

from benchmarks.kit.project import BenchmarkError
from benchmarks.serving import overload
from tests.benchmarks.serving.servers import grpc_server, running

SCALE = {
    "overload_s": 0.4,
    "overload_rows": 1,
    "overload_clients": 2,
    "turn_s": 0.2,
    "ramp_s": 0.05,
}


class Narrow:
    """One request after the other, ten milliseconds each; of those beyond `room`, none."""

    def __init__(self, room, refusal=grpc.StatusCode.RESOURCE_EXHAUSTED):
        self._turn = asyncio.Lock()
        self._room, self._refusal = room, refusal
        self._waiting = 0

    async def __call__(self, _, __, context):
        if self._waiting >= self._room:
            await context.abort(self._refusal, "no room")
        self._waiting += 1
        try:
            async with self._turn:
                await asyncio.sleep(0.01)
        finally:
            self._waiting -= 1
        return b""


def run(bench, **arguments):
    async def load():
        async with grpc_server(Narrow(**arguments)) as address:
            bench.server = lambda _: running(address)
            return await overload.run(bench)

    return asyncio.run(load())


def test_peak_goodput_and_refusals_are_told_apart(fake_bench):
    section = run(fake_bench(**SCALE), room=4)
    goodput, refusals, others = section.goals
    assert len(section.measured["peaks"]) == len(section.measured["goodputs"]) == overload.TURNS
    assert 0 < max(section.measured["peaks"]) <= 110
    assert 0 < goodput.measured < 2
    assert refusals.measured == section.measured["refused_ms"]["p99"]
    assert others.measured == 0
    codes = section.measured["codes"]
    assert set(codes) == {"OK", overload.REFUSED}
    assert [row[-1] for row in section.rows] == ["", str(codes["OK"]), str(codes[overload.REFUSED])]


def test_refusals_for_another_reason_are_no_refusals(fake_bench):
    section = run(fake_bench(**SCALE), room=4, refusal=grpc.StatusCode.UNAVAILABLE)
    _, refusals, others = section.goals
    assert math.isnan(refusals.measured)
    assert others.measured == section.measured["codes"]["UNAVAILABLE"] > 0


def test_what_could_not_be_sent_is_no_answer(fake_bench, monkeypatch):
    monkeypatch.setattr(overload, "MOST_OUTSTANDING", 2)
    section = run(fake_bench(**SCALE), room=100)
    assert section.goals[-1].measured == section.measured["not_sent"] > 0


def test_server_that_answers_nothing_has_no_peak_and_that_is_told(fake_bench):
    with pytest.raises(BenchmarkError, match=r"^no request was answered in time: .*'UNAVAILABLE'"):
        run(fake_bench(**SCALE), room=0, refusal=grpc.StatusCode.UNAVAILABLE)
