"""A day's requests in minutes: all that clients do, by the hours of a day, and the memory."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from benchmarks.serving import damage, models, payloads, pictures
from benchmarks.serving.bench import Bench
from benchmarks.serving.clients import TIMEOUT_S, GrpcClient, RestClient
from benchmarks.serving.goals import Goal, Section, slope
from benchmarks.serving.load import OK, closed

HOURS = 24
BUSIEST, QUIETEST = 24, 2  # clients at once
SAMPLE_S = 0.25
MOST_MB_PER_10K = 1.0  # nine a day, of some hundreds
HURRIED_S = 0.0005  # nobody answers within
PICTURES = 64

Send = Callable[[], Awaitable[str]]


class Act(NamedTuple):
    """Something that clients do.

    Attributes:
        share: of a hundred requests.
        right: the codes it may end with.
        send: does it once.
    """

    share: int
    right: frozenset[str]
    send: Send


def prepare(bench: Bench) -> None:
    """Starts a server of the tiny model."""
    bench.server(models.TINY)


def clients_by_hour() -> list[int]:
    """How many are there in each hour: fewest at 3, most at 15 o'clock."""
    middle, swing = (BUSIEST + QUIETEST) / 2, (BUSIEST - QUIETEST) / 2
    return [
        round(middle - swing * math.cos(2 * math.pi * (hour - 3) / HOURS)) for hour in range(HOURS)
    ]


def requests_by_hour(total: int) -> list[int]:
    """The day's requests in proportion to the clients; adds up to the total."""
    clients = clients_by_hour()
    ends = [round(total * sum(clients[: hour + 1]) / sum(clients)) for hour in range(HOURS)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


async def run(bench: Bench) -> Section:
    """Codes and memory over a day's requests of all kinds."""
    scale, server = bench.scale, bench.server(models.TINY)
    bench.note(f"soak: {scale.soak:,} requests, within {scale.soak_s:.0f} s")
    rng = random.Random(bench.seed)
    samples: list[tuple[int, float]] = []
    codes: Counter[tuple[str, str]] = Counter()
    began = time.perf_counter()
    with RestClient(server.rest_address) as rest:
        async with GrpcClient(server.address) as client:
            acts = _acts(client, rest, bench.seed)
            shares = [act.share for act in acts.values()]

            async def call(_: int) -> str:
                (name,) = rng.choices(list(acts), shares)
                code = await acts[name].send()
                codes[name, code] += 1
                return code

            async def watch() -> None:
                while True:
                    samples.append((codes.total(), server.rss_mb))
                    await asyncio.sleep(SAMPLE_S)

            watching = asyncio.create_task(watch())
            try:
                for count, clients in zip(
                    requests_by_hour(scale.soak), clients_by_hour(), strict=True
                ):
                    left_s = scale.soak_s - (time.perf_counter() - began)
                    await closed(call, clients, seconds=left_s, most=count)
            finally:
                watching.cancel()
    seconds, done = time.perf_counter() - began, codes.total()
    samples.append((done, server.rss_mb))
    unexpected = {
        f"{name}: {code}": n for (name, code), n in codes.items() if code not in acts[name].right
    }
    rise = 1e4 * slope(*zip(*samples, strict=True))
    by_name = Counter(name for name, _ in codes.elements())
    half = samples[len(samples) // 2]
    return Section(
        "soak",
        f"A day of requests in {seconds:.0f} s, {models.TITLES[models.TINY]}",
        ("", "requests"),
        [(name, f"{by_name[name]:,}") for name in acts],
        [
            Goal("requests of the day done", scale.soak, True, done),
            Goal(
                "answers with another code than they should have",
                0,
                False,
                sum(unexpected.values()),
            ),
            Goal("memory, rise in 10,000 requests", MOST_MB_PER_10K, False, rise, " MiB"),
        ],
        [
            f"Memory at the start {samples[0][1]:.0f} MiB, at half time {half[1]:.0f} MiB, at the "
            f"end {samples[-1][1]:.0f} MiB.",
            *([f"Unexpected: {unexpected}."] if unexpected else []),
        ],
        {
            "seconds": seconds,
            "codes": {f"{name}: {code}": n for (name, code), n in codes.items()},
            "rss_mb": samples,
            "mb_per_10k": rise,
        },
    )


def _acts(client: GrpcClient, rest: RestClient, seed: int) -> dict[str, Act]:
    """What clients do, by name."""
    model = models.TINY
    rng = random.Random(seed)
    files = [
        pictures.encode(number, pictures.SMALL if number % 8 else pictures.LARGE)
        for number in range(PICTURES)
    ]
    single = [payloads.predict(model, [file]) for file in files]
    several = [payloads.predict(model, files[start : start + 8]) for start in range(0, 64, 8)]
    bodies = [payloads.predict_json([file]) for file in files]
    bad = [payloads.predict(model, [damage.picture(rng)]) for _ in range(PICTURES)]
    path, of_model = payloads.predict_path(model), f"/v1/models/{model}"
    description, state = payloads.metadata(model), payloads.status(model)

    def calling(method: str, requests: Sequence[bytes], timeout_s: float = TIMEOUT_S) -> Send:
        async def send() -> str:
            return (await client.call(method, rng.choice(requests), timeout_s)).code

        return send

    def asking(method: str, path: str, requests: Sequence[bytes | None] = (None,)) -> Send:
        async def send() -> str:
            return (await rest.call(method, path, rng.choice(requests))).code

        return send

    ok, found = frozenset({OK}), frozenset({"200"})
    return {
        "gRPC, a picture": Act(58, ok, calling(payloads.PREDICT, single)),
        "gRPC, eight pictures": Act(3, ok, calling(payloads.PREDICT, several)),
        # Some of them are still pictures.
        "gRPC, a broken picture": Act(
            6, frozenset({OK, "INVALID_ARGUMENT"}), calling(payloads.PREDICT, bad)
        ),
        "gRPC, an unknown model": Act(
            1,
            frozenset({"NOT_FOUND"}),
            calling(payloads.PREDICT, [payloads.predict("unknown", files[:1])]),
        ),
        "gRPC, given up at once": Act(
            1,
            frozenset({OK, "DEADLINE_EXCEEDED", "CANCELLED"}),
            calling(payloads.PREDICT, single, HURRIED_S),
        ),
        "gRPC, metadata": Act(3, ok, calling(payloads.METADATA, [description])),
        "gRPC, status": Act(3, ok, calling(payloads.STATUS, [state])),
        "gRPC, health": Act(3, ok, calling(payloads.HEALTH, [b""])),
        "REST, a picture": Act(15, found, asking("POST", path, bodies)),
        "REST, broken JSON": Act(
            1, frozenset({"400"}), asking("POST", path, [bodies[0][:-1], b"{", b"[]"])
        ),
        "REST, metadata": Act(1, found, asking("GET", f"{of_model}/metadata")),
        "REST, status": Act(2, found, asking("GET", of_model)),
        "REST, metrics": Act(2, found, asking("GET", payloads.METRICS_PATH)),
        "REST, web page": Act(1, found, asking("GET", "/")),
    }
