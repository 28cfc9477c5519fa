"""The settings of batching against each other, one changed at a time."""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.serving import direct, models
from benchmarks.serving.bench import Bench
from benchmarks.serving.clients import GrpcClient
from benchmarks.serving.comparison import MOST_REQUESTS, failed, predicting, requests, turns
from benchmarks.serving.goals import Goal, Section
from benchmarks.serving.load import OK, Call, closed

DEFAULT = "default"
# Arguments of Batching; the default is batches of 16, no waiting, two threads.
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    DEFAULT: {},
    "max_batch_size 8": {"max_batch_size": 8, "max_enqueued_batches": 16},
    "max_batch_size 32": {"max_batch_size": 32, "max_enqueued_batches": 4},
    "batch_timeout_ms 2": {"batch_timeout_ms": 2.0},
    "num_batch_threads 1": {"num_batch_threads": 1},
}


def prepare(bench: Bench) -> None:
    """Starts a server for each of `SETTINGS`, all in one process."""
    model = bench.scale.model
    hosted = {
        name: {"models": str(bench.models), "name": model, "batching": dict(batching)}
        for name, batching in SETTINGS.items()
    }
    bench.hosted("settings", hosted)


async def run(bench: Bench) -> Section:
    """Servers of one process take turns: their kernels share TensorFlow's threads, as always."""
    scale, model = bench.scale, bench.scale.model
    addresses = bench.hosted("settings").addresses
    bench.note(f"settings: {scale.rounds} turns of {len(SETTINGS)}")
    rates: dict[str, list[float]] = {name: [] for name in SETTINGS}
    latencies: dict[str, list[float]] = {name: [] for name in SETTINGS}
    failures = 0
    async with contextlib.AsyncExitStack() as stack:
        calls: dict[str, Call] = {}
        ready = requests(model, direct.SEED)
        for name, address in addresses.items():
            client = await stack.enter_async_context(GrpcClient(address))
            calls[name] = predicting(client, ready)
        for turn in turns(list(SETTINGS), scale.rounds):
            outcome = await closed(
                calls[turn], scale.setting_clients, seconds=scale.setting_s, most=MOST_REQUESTS
            )
            failures += failed(outcome)
            rates[turn].append(outcome.goodput(scale.ramp_s))
            latencies[turn].append(outcome.latencies_ms(OK).get("p50", 0.0))
    base = statistics.median(rates[DEFAULT]) or math.nan
    rows = [
        (
            name,
            f"{statistics.median(values):.1f}",
            f"{min(values):.1f} to {max(values):.1f}",
            f"{statistics.median(values) / base:.2f}",
            f"{statistics.median(latencies[name]):.0f}",
        )
        for name, values in rates.items()
    ]
    return Section(
        "settings",
        f"Settings of batching, {models.TITLES[model]}, {scale.setting_clients} clients",
        ("", "images/s", "turns", "of the default", "p50 ms"),
        rows,
        [Goal("requests that failed", 0, False, failures)],
        measured={"rates": rates, "p50_ms": latencies},
    )
