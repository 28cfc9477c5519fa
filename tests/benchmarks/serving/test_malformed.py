"""An attack on servers that bear it, and on such as are at fault in one way each."""

import asyncio
from collections import Counter

import grpc
import pytest

from benchmarks.serving import damage, junk, malformed, models, payloads, pictures
from tests.benchmarks.serving.servers import grpc_server, http_server, running

COUNT, WARM_UP = 60, 20
GOOD = payloads.predict(models.TINY, [pictures.encode(0)])
GOOD_JSON = payloads.predict_json([pictures.encode(0)])


async def fine(_, __, ___):
    return b"reply"


def fine_over_rest(handler, _):
    handler.reply(200, b"{}")


def attacked(bench, answer=fine, answer_rest=fine_over_rest):
    """The section, after an attack on a server with these answers to gRPC and REST."""

    async def attack(server):
        async def answered(method, request, context):
            return await answer(method, request, context)

        async with grpc_server(answered) as server.address:
            return await malformed.run(bench)

    server = running()
    bench.server = lambda _: server
    with http_server(answer_rest) as server.rest_address:
        return asyncio.run(attack(server))


def missed(section):
    return [goal.text.split(",")[0] for goal in section.goals if not goal.met]


@pytest.fixture
def bench(fake_bench):
    return fake_bench(malformed=COUNT, malformed_warm_up=WARM_UP)


def test_server_that_bears_everything_reaches_all_goals(bench):
    section = attacked(bench)
    assert missed(section) == []
    assert sum(section.measured["codes"].values()) == COUNT
    expected = Counter(junk.make(0, number, models.TINY).kind for number in range(COUNT))
    assert {kind: int(count) for kind, count, *_ in section.rows if count != "0"} == expected
    assert {row[0] for row in section.rows} == set(junk.KINDS)


def test_warm_up_is_of_other_requests(bench, monkeypatch):
    attack, sent = malformed.attack, []

    def watched(server, seed, numbers):
        sent.append(set(numbers))
        return attack(server, seed, numbers)

    monkeypatch.setattr(malformed, "attack", watched)
    attacked(bench)
    warm_up, counted = sent
    assert (len(warm_up), len(counted)) == (WARM_UP, COUNT)
    assert not warm_up & counted


def test_internal_errors_are_found_and_can_be_made_again(bench):
    async def answer(method, request, context):
        if method == payloads.PREDICT and request != GOOD:
            await context.abort(grpc.StatusCode.INTERNAL, "oh no")
        return b"reply"

    section = attacked(bench, answer)
    assert missed(section) == ["answers that blame the server"]
    offences = section.measured["offences"]
    assert {(o["code"], o["text"]) for o in offences} == {("INTERNAL", "oh no")}
    for offence in offences:
        again = junk.make(0, offence["number"], models.TINY)
        assert (again.kind, again.method) == (offence["kind"], payloads.PREDICT)
    assert section.goals[2].measured == len(offences)
    main = [o for o in offences if o["number"] < bench.scale.malformed]
    assert sum(int(row[2]) for row in section.rows) == len(main) > 0
    assert "INTERNAL 'oh no', e.g. number " in section.notes[0]


def test_what_is_no_message_may_be_told_so(bench):
    async def answer(_, request, context):
        if request != GOOD:
            why = "The request is no message of this method: it ended early"
            await context.abort(grpc.StatusCode.INTERNAL, why)
        return b"reply"

    assert missed(attacked(bench, answer)) == []


def test_failures_over_rest_are_found(bench):
    def answer(handler, body):
        handler.reply(200 if body == GOOD_JSON and handler.command == "POST" else 500, b"{}")

    section = attacked(bench, answer_rest=answer)
    assert missed(section) == ["answers that blame the server"]
    assert {o["code"] for o in section.measured["offences"]} == {"500"}


def test_end_of_the_server_ends_the_attack(bench):
    received = []

    async def answer(_, request, context):
        received.append(request)
        if len(received) > 30:
            bench.server("").running = False
            await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
        return b"reply"

    section = attacked(bench, answer)
    assert "crashes" in missed(section)
    assert sum(section.measured["codes"].values()) < COUNT


def test_server_nobody_can_connect_to_any_more_is_no_failure_of_the_benchmark(bench, monkeypatch):
    send_raw = malformed.send_raw

    async def refused(_, data, **options):
        return await send_raw("127.0.0.1:1", data, **options)

    monkeypatch.setattr(malformed, "send_raw", refused)
    section = attacked(bench)
    assert missed(section) == ["answers that blame the server"]


@pytest.mark.parametrize("then", ["another answer", "an error"])
def test_good_request_that_is_answered_otherwise_afterwards_is_noticed(bench, then):
    received = []

    async def answer(_, request, context):
        received.append(request)
        if request != GOOD or len(received) == 1:
            return b"reply"
        if then == "an error":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "too much")
        return b"other"

    assert missed(attacked(bench, answer)) == ["good requests answered as before"]


def test_attack_does_not_begin_if_good_requests_fail(bench):
    async def answer(_, __, context):
        await context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")

    with pytest.raises(AssertionError, match="not yet"):
        attacked(bench, answer)


def test_tracebacks_are_counted_from_the_attack_on(bench):
    async def answer(_, request, __):
        bench.server("").tracebacks += request != GOOD
        return b"reply"

    section = attacked(bench, answer)
    assert missed(section) == ["errors with a traceback in the log"]
    assert section.goals[3].measured == bench.server("").tracebacks > 0


def test_memory_that_stays_is_a_leak_and_what_comes_before_is_not(bench):
    async def answer(_, __, ___):
        bench.server("").rss_mb += 0.1
        return b"reply"

    section = attacked(bench, answer)
    assert missed(section) == ["memory"]
    counts, values = zip(*section.measured["rss_mb"], strict=True)
    assert (counts[0], counts[-1]) == (0, COUNT)
    assert list(counts) == sorted(counts)
    assert list(values) == sorted(values)
    # The warm-up's growth is none of it.
    assert values[0] > 100.0


def test_the_largest_picture_comes_first_several_at_a_time(bench):
    received = []

    async def noted(method, request, context):
        received.append(request)
        return b"reply"

    attacked(bench, noted)
    largest = payloads.predict(models.TINY, [damage.largest()])
    assert received[1 : 1 + 2 * malformed.CLIENTS] == [largest] * (2 * malformed.CLIENTS)
