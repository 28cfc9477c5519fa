import asyncio
import functools

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.serving import payloads, pictures, soak
from tests.benchmarks.serving.servers import grpc_server, http_server, running


@pytest.fixture(autouse=True, scope="module")
def encode_once():
    """The day's pictures take longer than the days here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "encode", functools.cache(pictures.encode))
        soak._acts(None, None, seed=0)
        yield


def goals(section):
    return {goal.text.split(",")[0].split(" with ")[0]: goal for goal in section.goals}


def test_fewest_clients_are_there_at_three_and_most_twelve_hours_later():
    clients = soak.clients_by_hour()
    assert len(clients) == 24
    assert clients[3] == min(clients) == soak.QUIETEST
    assert clients[15] == max(clients) == soak.BUSIEST
    assert clients[3:16] == sorted(clients[3:16])
    assert clients[9] == clients[21] == (soak.BUSIEST + soak.QUIETEST) / 2


@given(st.integers(0, 10**6))
def test_requests_of_the_hours_add_up_and_are_in_proportion_to_the_clients(total):
    requests, clients = soak.requests_by_hour(total), soak.clients_by_hour()
    assert len(requests) == 24
    assert sum(requests) == total
    for count, there in zip(requests, clients, strict=True):
        assert abs(count - total * there / sum(clients)) <= 1


def test_shares_of_the_acts_are_of_a_hundred():
    acts = soak._acts(None, None, seed=0)
    assert sum(act.share for act in acts.values()) == 100
    assert all(act.share > 0 and act.right for act in acts.values())


async def always_ok(method, _, __):
    return b"x" if method == payloads.PREDICT else b""


def run(bench, answer=always_ok, status=200):
    """The section of a day at a server that answers everything in the same way."""

    async def day(rest_address):
        async with grpc_server(answer) as address:
            bench.server = lambda _: running(address, rest_address)
            return await soak.run(bench)

    with http_server(lambda handler, _: handler.reply(status)) as rest_address:
        return asyncio.run(day(rest_address))


def test_whole_day_is_done_and_wrong_codes_are_counted(fake_bench, monkeypatch):
    monkeypatch.setattr(soak, "SAMPLE_S", 0.005)
    section = run(fake_bench(soak=600, soak_s=60.0))
    assert goals(section)["requests of the day done"].measured == 600
    codes = section.measured["codes"]
    assert sum(codes.values()) == 600
    # To these, an answer without complaint is a wrong one.
    wrong = codes["gRPC, an unknown model: OK"] + codes["REST, broken JSON: 200"]
    assert goals(section)["answers"].measured == wrong > 0
    assert "'REST, broken JSON: 200'" in section.notes[-1]
    assert sum(int(count) for _, count in section.rows) == 600
    samples = section.measured["rss_mb"]
    assert (samples[0], samples[-1]) == ((0, 100.0), (600, 100.0))
    assert goals(section)["memory"].met


def test_failures_are_no_right_answers(fake_bench):
    async def answer(_, __, context):
        await context.abort(grpc.StatusCode.INTERNAL, "no")

    section = run(fake_bench(soak=100, soak_s=60.0), answer, status=500)
    codes = section.measured["codes"]
    in_time = sum(count for name, count in codes.items() if "given up at once" not in name)
    assert goals(section)["answers"].measured >= in_time > 90


def test_day_is_given_up_when_its_time_is_over(fake_bench):
    async def slow(_, __, ___):
        await asyncio.sleep(0.05)
        return b""

    section = run(fake_bench(soak=2_000, soak_s=0.3), slow)
    assert 0 < goals(section)["requests of the day done"].measured < 2_000
    assert not goals(section)["requests of the day done"].met


def test_day_without_any_time_reaches_no_goal(fake_bench):
    section = run(fake_bench(soak=100, soak_s=0.0))
    assert not goals(section)["requests of the day done"].met
    assert not goals(section)["memory"].met
