"""While one client does its worst, a good one is answered in time, and so are health checks."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from typing import Any

from benchmarks.serving import attacks, models, payloads, pictures
from benchmarks.serving.attacks import Attack
from benchmarks.serving.bench import Bench
from benchmarks.serving.clients import GrpcClient, RestClient
from benchmarks.serving.goals import Goal, Section
from benchmarks.serving.load import OK, Outcome, closed
from benchmarks.serving.processes import Server

MOST_P99_MS = 1_000.0
MOST_MB = 2_000.0  # above what the server had before, at any moment
_SAMPLE_S = 0.1
_PAUSE_S = 0.02  # of the good client between two requests: it makes no load of its own
_MANY = 10**6


def prepare(bench: Bench) -> None:
    """Starts a server of the tiny model."""
    bench.server(models.TINY)


async def run(bench: Bench) -> Section:
    """Latency of good requests and health checks during each kind of attack."""
    scale, server = bench.scale, bench.server(models.TINY)
    bench.note("hostile: making what is sent")
    kinds: dict[str, Attack] = {
        "nothing": _nothing,
        "hostile pictures": attacks.over_grpc(attacks.hostile_pictures(scale.hostile_side)),
        "messages of many parts": attacks.over_grpc(attacks.many_parts()),
        "bodies of many values": attacks.over_rest(attacks.many_values()),
        "slow clients": attacks.slow_clients,
        "a foreign web page": attacks.over_rest(attacks.foreign()),
    }
    rows: list[tuple[str, ...]] = []
    measured: dict[str, dict[str, Any]] = {}
    logged = server.tracebacks
    before_mb = server.rss_mb
    for name, attack in kinds.items():
        bench.note(f"hostile: {name}, {scale.hostile_s:.0f} s")
        good, health, codes, peak_mb = await _under(server, attack, scale.hostile_s)
        good_ms, health_ms = good.latencies_ms(OK, "200"), health.latencies_ms(OK, "200")
        failures = sum(
            n for o in (good, health) for c, n in o.codes.items() if c not in (OK, "200")
        )
        rows.append(
            (
                name,
                f"{len(good.answers):,}",
                f"{good_ms.get('p50', math.nan):.0f} / {good_ms.get('p99', math.nan):.0f}",
                f"{health_ms.get('p99', math.nan):.0f}",
                f"{failures:,}",
                f"{peak_mb:.0f}",
                attacks.describe(codes),
            )
        )
        measured[name] = {
            "good_ms": good_ms,
            "health_ms": health_ms,
            "codes": dict(codes),
            "failures": failures,
            "peak_mb": peak_mb,
        }
    attacked = [m for name, m in measured.items() if name != "nothing"]
    goals = [
        Goal(
            f"a {who}'s 99th percentile, the worst",
            MOST_P99_MS,
            False,
            max(m[key].get("p99", math.nan) for m in attacked),
            " ms",
        )
        for who, key in (("good client", "good_ms"), ("health check", "health_ms"))
    ]
    accepted = sum(measured["a foreign web page"]["codes"].get(code, 0) for code in ("200", OK))
    goals += [
        Goal("good requests and health checks that failed", 0, False, _sum(attacked, "failures")),
        Goal("requests of a foreign web page that were executed", 0, False, accepted),
        Goal("errors with a traceback in the log", 0, False, server.tracebacks - logged),
        Goal(
            "memory above that before, at the worst moment",
            MOST_MB,
            False,
            max(m["peak_mb"] for m in attacked) - before_mb,
            " MiB",
        ),
        Goal("crashes", 0, False, 0 if server.running else 1),
    ]
    return Section(
        "hostile",
        f"A good client beside one that does its worst, {models.TITLES[models.TINY]}",
        ("attack", "requests", "p50 / p99 ms", "health p99 ms", "failed", "MiB", "what it got"),
        rows,
        goals,
        [],
        measured,
    )


async def _nothing(_: Server, stop: asyncio.Event) -> Counter[str]:
    await stop.wait()
    return Counter()


def _sum(measured: list[dict[str, Any]], key: str) -> float:
    return float(sum(m[key] for m in measured))


async def _under(
    server: Server, attack: Attack, seconds: float
) -> tuple[Outcome, Outcome, Counter[str], float]:
    """What becomes of good requests and health checks; the attack's codes; the most MiB."""
    stop = asyncio.Event()
    peak_mb = server.rss_mb
    request = payloads.predict(models.TINY, [pictures.encode(0)])

    async def watch() -> None:
        nonlocal peak_mb
        while True:
            peak_mb = max(peak_mb, server.rss_mb)
            await asyncio.sleep(_SAMPLE_S)

    with RestClient(server.rest_address, threads=2) as rest:
        async with GrpcClient(server.address, channels=1) as client:

            async def good(number: int) -> str:
                await asyncio.sleep(_PAUSE_S)
                if number % 2:
                    body = payloads.predict_json([pictures.encode(0)])
                    return (await rest.call("POST", payloads.predict_path(models.TINY), body)).code
                return (await client.call(payloads.PREDICT, request)).code

            async def check(number: int) -> str:
                await asyncio.sleep(_PAUSE_S)
                if number % 2:
                    return (await rest.call("GET", f"/v1/models/{models.TINY}")).code
                return (await client.call(payloads.HEALTH, b"")).code

            await asyncio.gather(good(0), good(1), check(0), check(1))  # connections are open
            watching = asyncio.create_task(watch())
            attacking = asyncio.create_task(attack(server, stop))
            outcomes = await asyncio.gather(
                closed(good, 1, seconds=seconds, most=_MANY),
                closed(check, 1, seconds=seconds, most=_MANY),
            )
            stop.set()
            codes = await attacking
            watching.cancel()
    return (*outcomes, codes, peak_mb)
