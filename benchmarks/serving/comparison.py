"""The server against direct calls of its model: how much at most, and how much later at least."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Sequence

from benchmarks.serving import direct, models, payloads, pictures
from benchmarks.serving.bench import Bench
from benchmarks.serving.clients import GrpcClient
from benchmarks.serving.goals import Goal, Section
from benchmarks.serving.load import OK, Call, Outcome, closed
from benchmarks.serving.processes import Direct

LEAST_THROUGHPUT = 0.9  # of the direct call's
MOST_OVERHEAD_MS = 3.0
MOST_REQUESTS = 200_000  # of any turn

Sizes = tuple[int, int]


def prepare(bench: Bench) -> None:
    """Starts the embedded server, and a process that calls the model directly."""
    bench.server(bench.scale.model)
    bench.direct(bench.scale.model)


def requests(
    model: str, seed: int, size: Sizes = pictures.SMALL, *, rows: int = 1, count: int = 32
) -> list[bytes]:
    """Serialized PredictRequests of `rows` pictures each."""
    files = itertools.cycle(pictures.encode_many(count, seed, size))
    return [payloads.predict(model, list(itertools.islice(files, rows))) for _ in range(count)]


def predicting(client: GrpcClient, ready: Sequence[bytes]) -> Call:
    """A call that sends the serialized requests in turn."""

    async def call(number: int) -> str:
        return (await client.call(payloads.PREDICT, ready[number % len(ready)])).code

    return call


def turns(names: Sequence[str], rounds: int) -> Iterator[str]:
    """Who is next: all in order, then all backwards, so that nobody always follows the same one."""
    for turn in range(rounds):
        yield from names if turn % 2 == 0 else names[::-1]


def failed(outcome: Outcome) -> int:
    """How many requests were not answered with OK."""
    return len(outcome.answers) - outcome.codes[OK]


async def throughput(bench: Bench) -> Section:
    """Saturated throughput, against the best batch of direct calls."""
    scale, model = bench.scale, bench.scale.model
    caller, server = bench.direct(model), bench.server(model)
    bench.note("throughput: looking for the best batch of direct calls")
    probed = {
        (way, batch): _rate(caller, way, batch, scale.probe_s)
        for way in direct.WAYS
        for batch in scale.batches
    }
    best = max(probed, key=probed.__getitem__)
    bench.note(f"throughput: {scale.rounds} turns, direct and served")
    rates: dict[str, list[float]] = {"direct": [], "served": []}
    failures = 0
    async with GrpcClient(server.address) as client:
        call = predicting(client, requests(model, direct.SEED))
        await closed(call, scale.clients, seconds=scale.ramp_s, most=MOST_REQUESTS)
        for turn in turns(list(rates), scale.rounds):
            if turn == "direct":
                rates[turn].append(_rate(caller, *best, scale.turn_s))
            else:
                outcome = await closed(
                    call, scale.clients, seconds=scale.turn_s, most=MOST_REQUESTS
                )
                failures += failed(outcome)
                rates[turn].append(outcome.goodput(scale.ramp_s))
    median = {name: statistics.median(values) for name, values in rates.items()}
    rows = [
        (f"direct, {way}, batch {batch}", f"{rate:.1f}", "probe")
        for (way, batch), rate in probed.items()
    ]
    settings = {"direct": f"batch {best[1]}", "served": f"{scale.clients} clients"}
    rows += [
        (
            f"{name}, {settings[name]}",
            f"{median[name]:.1f}",
            f"{min(values):.1f} to {max(values):.1f}",
        )
        for name, values in rates.items()
    ]
    return Section(
        "throughput",
        f"Saturated throughput, {models.TITLES[model]}",
        ("", "images/s", "turns"),
        rows,
        [
            Goal(
                "saturated throughput, of the best direct call's",
                LEAST_THROUGHPUT,
                True,
                median["served"] / median["direct"],
                "x",
            ),
            Goal("requests that failed", 0, False, failures),
        ],
        measured={
            "rates": rates,
            "best": list(best),
            "probed": {f"{w}, {b}": r for (w, b), r in probed.items()},
        },
    )


async def overhead(bench: Bench) -> Section:
    """Latency of a single request with nobody else there, against a direct call of one picture."""
    scale, model = bench.scale, bench.scale.model
    caller, server = bench.direct(model), bench.server(model)
    bench.note(f"overhead: {scale.rounds} turns of each, for two sizes of pictures")
    seconds: dict[str, list[float]] = {}
    over_ms: dict[Sizes, float] = {}
    rows = []
    async with GrpcClient(server.address, channels=1) as client:
        for size in (pictures.SMALL, pictures.LARGE):
            label = f"{size[0]}x{size[1]} px"
            call = predicting(client, requests(model, direct.SEED, size))
            # The faster way of calling is what the server is held against.
            names = [f"direct, {way}" for way in direct.WAYS] + ["served"]
            taken: dict[str, list[float]] = {name: [] for name in names}
            await call(0)
            for turn in turns(names, scale.rounds):
                if turn == "served":
                    outcome = await closed(call, 1, seconds=scale.single_s, most=MOST_REQUESTS)
                    taken[turn] += [a.done_s - a.due_s for a in outcome.answers if a.code == OK]
                else:
                    way = turn.partition(", ")[2]
                    taken[turn] += caller.run(way=way, batch=1, seconds=scale.single_s, size=size)
            median = {name: statistics.median(values) for name, values in taken.items()}
            least = min(median[name] for name in names if name != "served")
            over_ms[size] = 1e3 * (median["served"] - least)
            for name, values in taken.items():
                low, _, high = statistics.quantiles(values, n=4)
                cells = (f"{1e3 * v:.2f}" for v in (median[name], low, high))
                rows.append((f"{label}, {name}", *cells, f"{1e3 * (median[name] - least):.2f}"))
                seconds[f"{label}, {name}"] = values
    return Section(
        "overhead",
        f"A single request, {models.TITLES[model]}",
        ("", "median ms", "lower quartile", "upper quartile", "over direct"),
        rows,
        [
            Goal(
                f"a request of {size[0]}x{size[1]} px takes longer than a direct call by",
                MOST_OVERHEAD_MS,
                False,
                value,
                " ms",
            )
            for size, value in over_ms.items()
        ],
        measured={"seconds": seconds},
    )


def _rate(caller: Direct, way: str, batch: int, seconds: float) -> float:
    """Images a second."""
    taken = caller.run(way=way, batch=batch, seconds=seconds, size=pictures.SMALL)
    return batch * len(taken) / sum(taken)
