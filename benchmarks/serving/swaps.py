"""New versions under load: each is pushed as Pusher does it, and no request may fail."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import time
from pathlib import Path

from benchmarks.serving import direct, models, payloads
from benchmarks.serving.bench import Bench
from benchmarks.serving.clients import GrpcClient
from benchmarks.serving.comparison import MOST_REQUESTS, failed, requests
from benchmarks.serving.goals import Goal, Section, slope
from benchmarks.serving.load import OK, closed

CLIENTS = 8
POLL_INTERVAL_S = 0.1  # between the server's looks at the folder
KEPT = 2  # versions in the folder
SWAP_S = 20.0  # a version that is not in service by then has failed
_LOOK_S = 0.02
MOST_MB_PER_SWAP = 2.0  # it was 20 where nothing collected them
_SHOWN = ("p50", "p99", "max")


def prepare(bench: Bench) -> None:
    """Starts a server of a folder to which versions will be pushed."""
    folder = _folder(bench)
    if not folder.exists():
        push(bench.saved_model(models.TINY), folder, 1)
    hosting = {
        "models": str(folder.parent),
        "name": models.TINY,
        "poll_interval_s": POLL_INTERVAL_S,
    }
    bench.hosted("swaps", {"swaps": hosting})


def push(saved_model: Path, folder: Path, version: int) -> None:
    """Copies a model and makes it a version by a rename, so that no half of it is seen."""
    staging = folder / f".tmp-{version}"
    shutil.copytree(saved_model, staging)
    staging.rename(folder / str(version))


async def run(bench: Bench) -> Section:
    """Answers, waits and memory while new versions take over under load."""
    count, folder = bench.scale.swaps, _folder(bench)
    process = bench.hosted("swaps")
    bench.note(f"swaps: {count} new versions under load of {CLIENTS} clients")
    ready = requests(models.TINY, direct.SEED)
    newest = backwards = 0
    waits: list[float] = []
    missed: list[int] = []
    memory: list[float] = []
    stop = asyncio.Event()
    async with GrpcClient(process.addresses["swaps"]) as client:

        async def call(number: int) -> str:
            nonlocal newest, backwards
            before = newest
            reply = await client.call(payloads.PREDICT, ready[number % len(ready)])
            if reply.code == OK:
                version = payloads.version_of(reply.body)
                backwards += version < before
                newest = max(newest, version)
            return reply.code

        load = asyncio.create_task(
            closed(call, CLIENTS, seconds=SWAP_S * count, most=MOST_REQUESTS, stop=stop)
        )
        try:
            for version in range(2, count + 2):
                await asyncio.to_thread(push, bench.saved_model(models.TINY), folder, version)
                began = time.perf_counter()
                while newest < version and time.perf_counter() - began < SWAP_S:
                    await asyncio.sleep(_LOOK_S)
                if newest < version:
                    missed.append(version)
                waits.append(time.perf_counter() - began)
                memory.append(process.rss_mb)
                await asyncio.to_thread(_remove, folder, version - KEPT)
        finally:
            stop.set()
            outcome = await load
    latency = outcome.latencies_ms(OK)
    growth = slope(range(count), memory)
    refused = {code: n for code, n in outcome.codes.items() if code != OK}
    return Section(
        "swaps",
        f"{count} new versions under load of {CLIENTS} clients, {models.TITLES[models.TINY]}",
        ("", ""),
        [
            ("requests", f"{len(outcome.answers):,}"),
            ("seconds from push to first answer, median", f"{statistics.median(waits):.2f}"),
            ("the slowest", f"{max(waits):.2f}"),
            (
                f"latency {' / '.join(_SHOWN)}, ms",
                " / ".join(f"{latency[name]:.1f}" for name in _SHOWN if name in latency),
            ),
            ("memory after the first / last swap, MiB", f"{memory[0]:.0f} / {memory[-1]:.0f}"),
            ("MiB a swap, second half", f"{growth:.2f}"),
        ],
        [
            Goal("requests that failed", 0, False, failed(outcome)),
            Goal("versions that did not come into service", 0, False, len(missed)),
            Goal("answers of an older version than one before the request", 0, False, backwards),
            Goal("memory, rise in a swap", MOST_MB_PER_SWAP, False, growth, " MiB"),
        ],
        [f"Not OK: {refused}."] if refused else [],
        {
            "waits_s": waits,
            "rss_mb": memory,
            "codes": dict(outcome.codes),
            "missed": missed,
            "latency_ms": latency,
            "mb_per_swap": growth,
        },
    )


def _remove(folder: Path, version: int) -> None:
    shutil.rmtree(folder / str(version), ignore_errors=True)


def _folder(bench: Bench) -> Path:
    return bench.folder / "swapped" / models.TINY
