"""Malformed requests: none may end as the server's fault, stop it, or stay in its memory."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.serving import damage, junk, models, payloads, pictures
from benchmarks.serving.bench import Bench
from benchmarks.serving.clients import GrpcClient, Reply, RestClient, send_raw
from benchmarks.serving.goals import Goal, Section, slope
from benchmarks.serving.load import OK
from benchmarks.serving.processes import Server

CLIENTS = 4
ANSWER_S = 20.0
SAMPLES = 40  # of memory
SHOWN = 10  # offenders in the report; all are in the JSON
# A leak of a kilobyte in each request would come to 10 MiB.
MOST_MB_PER_10K = 8.0


class Offence(NamedTuple):
    """An end that is the server's fault; `junk.make` gives the request again."""

    number: int
    kind: str
    code: str
    text: str


def prepare(bench: Bench) -> None:
    """Starts a server of the tiny model."""
    bench.server(models.TINY)


async def run(bench: Bench) -> Section:
    """Codes, tracebacks and memory after malformed requests over gRPC and REST."""
    scale, server = bench.scale, bench.server(models.TINY)
    address, rest_address = server.address, server.rest_address
    good = await _good(address, rest_address)
    assert [code for code, *_ in good] == [OK, "200"], good
    logged = server.tracebacks
    warm_up, count = scale.malformed_warm_up, scale.malformed
    bench.note(f"malformed: {count} requests, after {warm_up} more to warm up")
    await _decode_largest(address)
    # Other numbers: the warm-up is of the same kinds, but not the same requests.
    offences, _, _ = await attack(server, bench.seed, range(count, count + warm_up))
    found, codes, samples = await attack(server, bench.seed, range(count))
    offences += found
    alive = server.running
    right = alive and await _good(address, rest_address) == good
    growth = 1e4 * slope(*zip(*samples, strict=True))
    by_kind = Counter(kind for kind, _ in codes.elements())
    rows = [
        (
            kind,
            f"{by_kind[kind]:,}",
            f"{sum(o.kind == kind for o in found):,}",
            ", ".join(f"{c} {n:,}" for (k, c), n in codes.most_common() if k == kind),
        )
        for kind in junk.KINDS
    ]
    worst = Counter((o.kind, o.code, o.text[:120]) for o in offences)
    notes = [
        f"{times} x {kind}: {code} {text!r}, e.g. number "
        f"{next(o.number for o in offences if (o.kind, o.code, o.text[:120]) == group)} of seed "
        f"{bench.seed}."
        for group, times in worst.most_common(SHOWN)
        for kind, code, text in [group]
    ]
    return Section(
        "malformed",
        f"{count:,} malformed requests, {models.TITLES[models.TINY]}",
        ("", "requests", "server's fault", "codes"),
        rows,
        [
            Goal("crashes", 0, False, 0 if alive else 1),
            Goal("good requests answered as before, over gRPC and REST", 1, True, float(right)),
            Goal("answers that blame the server, or none", 0, False, len(offences)),
            Goal("errors with a traceback in the log", 0, False, server.tracebacks - logged),
            Goal("memory, rise in 10,000 requests", MOST_MB_PER_10K, False, growth, " MiB"),
        ],
        [*notes, f"Memory before {samples[0][1]:.0f} MiB, after {samples[-1][1]:.0f} MiB."],
        {
            "codes": {f"{kind}: {code}": n for (kind, code), n in codes.items()},
            "offences": [o._asdict() for o in offences],
            "rss_mb": samples,
        },
    )


async def attack(
    server: Server, seed: int, numbers: range
) -> tuple[list[Offence], Counter[tuple[str, str]], list[tuple[int, float]]]:
    """Sends the malformed requests of these numbers, a few at a time.

    Returns:
        offences; (kind, code) -> how often; samples of (requests done, MiB), ascending.
    """
    offences: list[Offence] = []
    codes: Counter[tuple[str, str]] = Counter()
    samples = [(0, server.rss_mb)]
    size = -(-len(numbers) // SAMPLES)
    async with GrpcClient(server.address, channels=CLIENTS) as client:
        address, rest_address = server.address, server.rest_address

        async def worker(waiting: Iterator[int]) -> None:
            for number in waiting:
                if not server.running:
                    return
                request = junk.make(seed, number, models.TINY)
                port = address if request.port == junk.GRPC else rest_address
                reply = await _send(client, port, request)
                codes[request.kind, reply.code] += 1
                if not request.allows(reply.code, reply.text):
                    offences.append(Offence(number, request.kind, reply.code, reply.text))

        for start in range(0, len(numbers), size):
            waiting = iter(numbers[start : start + size])
            await asyncio.gather(*(worker(waiting) for _ in range(CLIENTS)))
            # Only now: a picture that is just being decoded is no leak.
            if server.running:
                samples.append((codes.total(), server.rss_mb))
    return offences, codes, samples


async def _send(client: GrpcClient, address: str, request: junk.Junk) -> Reply:
    if request.method:
        return await client.call(request.method, request.data, ANSWER_S)
    return await send_raw(address, request.data, half_close=request.incomplete, timeout_s=ANSWER_S)


async def _decode_largest(address: str) -> None:
    """The worst moment comes first, because TensorFlow's allocator keeps what it took."""
    request = payloads.predict(models.TINY, [damage.largest()])
    async with GrpcClient(address, channels=CLIENTS) as client:
        for _ in range(2):
            calls = [client.call(payloads.PREDICT, request, ANSWER_S) for _ in range(CLIENTS)]
            await asyncio.gather(*calls)


async def _good(address: str, rest_address: str) -> list[tuple[str, str, object]]:
    """Codes, errors and contents that answer two good requests, and must never change.

    Without any order of names.
    """
    picture = pictures.encode(0)
    async with GrpcClient(address, channels=1) as client:
        served = await client.call(payloads.PREDICT, payloads.predict(models.TINY, [picture]))
    with RestClient(rest_address, threads=1) as client_of_rest:
        path = payloads.predict_path(models.TINY)
        rest = await client_of_rest.call("POST", path, payloads.predict_json([picture]))
    content = json.loads(rest.body) if rest.code == "200" else rest.body
    return [
        (served.code, served.text, sorted(served.body)),
        (rest.code, rest.text, content),
    ]
