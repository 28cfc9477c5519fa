"""How many requests a second when the model costs nothing, and what sets the limit."""

from __future__ import annotations

import contextlib
import statistics
import time

import psutil

from benchmarks.serving import direct, models
from benchmarks.serving.bench import Bench
from benchmarks.serving.clients import GrpcClient
from benchmarks.serving.comparison import MOST_REQUESTS, failed, predicting, requests, turns
from benchmarks.serving.goals import Goal, Section
from benchmarks.serving.load import Call, closed
from benchmarks.serving.processes import Process, cores_used

LEAST_RATE = 1500.0  # gRPC requests a second
_BARE, _THREADS, _SERVED = "bare gRPC server", "served, in threads", "served"
THREADS = 64  # more than clients, so that none waits for a thread


def prepare(bench: Bench) -> None:
    """Starts the embedded server, a bare gRPC server and one with threads."""
    bench.server(models.TINY)
    bench.hosted("bare", {_BARE: {}})
    threads = {"models": str(bench.models), "name": models.TINY, "threads": THREADS}
    bench.hosted("threads", {_THREADS: threads})


async def run(bench: Bench) -> Section:
    """Requests a second with a tiny model, beside two other servers.

    A bare one, which neither parses nor computes: its rate is what grpc.aio and the sender allow on
    this machine. And our own parts in threads, which tells whether an event loop is right.
    """
    scale = bench.scale
    server = bench.server(models.TINY)
    bare, threads = bench.hosted("bare"), bench.hosted("threads")
    bench.note(f"tiny: {scale.rounds} turns of three servers")
    processes: dict[str, Process] = {_BARE: bare, _THREADS: threads, _SERVED: server}
    addresses = {**bare.addresses, **threads.addresses, _SERVED: server.address}
    rates: dict[str, list[float]] = {name: [] for name in processes}
    used: dict[str, list[tuple[float, float]]] = {name: [] for name in processes}
    failures = 0
    own = psutil.Process()
    ready = requests(models.TINY, direct.SEED)
    async with contextlib.AsyncExitStack() as stack:
        calls: dict[str, Call] = {}
        for name, address in addresses.items():
            client = await stack.enter_async_context(GrpcClient(address))
            calls[name] = predicting(client, ready)
            await closed(calls[name], scale.tiny_clients, seconds=scale.ramp_s, most=MOST_REQUESTS)
        for turn in turns(list(rates), scale.rounds):
            began, before = time.perf_counter(), processes[turn].cpu_s
            own_before = sum(own.cpu_times()[:2])
            outcome = await closed(
                calls[turn], scale.tiny_clients, seconds=scale.turn_s, most=MOST_REQUESTS
            )
            lasted = time.perf_counter() - began
            failures += failed(outcome)
            rates[turn].append(outcome.goodput(scale.ramp_s))
            sender = (sum(own.cpu_times()[:2]) - own_before) / lasted
            used[turn].append((cores_used(processes[turn], before, lasted), sender))
    rows = []
    for name, values in rates.items():
        servers, senders = (statistics.median(part) for part in zip(*used[name], strict=True))
        middle = f"{statistics.median(values):,.0f}"
        spread = f"{min(values):,.0f} to {max(values):,.0f}"
        rows.append((name, middle, spread, f"{servers:.2f}", f"{senders:.2f}"))
    total = sum(statistics.median(part) for part in zip(*used[_SERVED], strict=True))
    rate = statistics.median(rates[_SERVED])
    return Section(
        "tiny",
        f"gRPC requests a second, {models.TITLES[models.TINY]}, {scale.tiny_clients} clients",
        ("", "requests/s", "turns", "cores: server", "cores: sender"),
        rows,
        [
            Goal("gRPC requests a second", LEAST_RATE, True, rate),
            Goal("requests that failed", 0, False, failures),
        ],
        [
            f"Server and sender use {total:.1f} of this machine's {psutil.cpu_count()} cores. The "
            f"server gives {rate / statistics.median(rates[_BARE]):.2f} times the rate of a bare "
            f"grpc.aio server that neither parses nor computes."
        ],
        {"rates": rates, "cores": used},
    )
