"""Twice as much load as can be answered: how much still is, and how fast the rest is refused."""

from __future__ import annotations

import math
import statistics

from benchmarks.kit.project import BenchmarkError
from benchmarks.serving import direct, models
from benchmarks.serving.bench import Bench
from benchmarks.serving.clients import GrpcClient
from benchmarks.serving.comparison import MOST_REQUESTS, predicting, requests
from benchmarks.serving.goals import Goal, Section
from benchmarks.serving.load import NOT_SENT, OK, Outcome, closed, open_loop, poisson

FACTOR = 2.0
LEAST_GOODPUT = 0.8  # of the peak
REFUSED = "RESOURCE_EXHAUSTED"
MOST_REFUSAL_MS = 100.0  # at the 99th percentile: on this page, "quickly"
MOST_OUTSTANDING = 4096
TURNS = 2
# Of the load, before goodput is counted: the queue fills first.
_FILLING = 1 / 3


def prepare(bench: Bench) -> None:
    """Starts a server of the model that the scale names."""
    bench.server(bench.scale.model)


async def run(bench: Bench) -> Section:
    """Goodput and latency at twice the peak, beside those at the peak."""
    scale, model = bench.scale, bench.scale.model
    bench.note(f"overload: {TURNS} times the peak, and {FACTOR:g} times as much")
    peaks: list[float] = []
    overloads: list[Outcome] = []
    async with GrpcClient(bench.server(model).address, channels=4) as client:
        ready = requests(model, direct.SEED, rows=scale.overload_rows)
        call = predicting(client, ready)
        for turn in range(TURNS):
            peak = await closed(
                call, scale.overload_clients, seconds=scale.turn_s, most=MOST_REQUESTS
            )
            peaks.append(peak.goodput(scale.ramp_s))
            if not peaks[-1]:
                raise BenchmarkError(f"no request was answered in time: {dict(peak.codes)}.")
            arrivals = poisson(FACTOR * peaks[-1], scale.overload_s, bench.seed + turn)
            overloads.append(
                await open_loop(
                    call,
                    arrivals,
                    seconds=scale.overload_s,
                    most_outstanding=MOST_OUTSTANDING,
                )
            )
    ramp_s = scale.overload_s * _FILLING
    goodputs = [outcome.goodput(ramp_s) for outcome in overloads]
    together = Outcome([a for o in overloads for a in o.answers], scale.overload_s)
    refusals, answers = together.latencies_ms(REFUSED), together.latencies_ms(OK)
    others = sum(n for code, n in together.codes.items() if code not in (OK, REFUSED))
    peak_rate, goodput = statistics.median(peaks), statistics.median(goodputs)
    rows = [
        ("peak", f"{peak_rate:.1f}", "", "", "", ""),
        (
            f"{FACTOR:g} x, answered",
            f"{goodput:.1f}",
            *_cells(answers),
            f"{together.codes[OK]:,}",
        ),
        (f"{FACTOR:g} x, refused", "", *_cells(refusals), f"{together.codes[REFUSED]:,}"),
    ]
    return Section(
        "overload",
        f"{FACTOR:g} times the peak, Poisson arrivals, {models.TITLES[model]}",
        ("", "answers/s", "p50 ms", "p95 ms", "p99 ms", "requests"),
        rows,
        [
            Goal("goodput, of the peak", LEAST_GOODPUT, True, goodput / peak_rate, "x"),
            Goal(
                "99 of 100 refusals take",
                MOST_REFUSAL_MS,
                False,
                refusals.get("p99", math.nan),
                " ms",
            ),
            Goal("requests neither answered nor refused for lack of room", 0, False, others),
        ],
        [
            "Latency counts from the moment a request was due, and a client waits for its answer "
            "however long it takes."
        ],
        {
            "peaks": peaks,
            "goodputs": goodputs,
            "codes": dict(together.codes),
            "not_sent": together.codes[NOT_SENT],
            "answered_ms": answers,
            "refused_ms": refusals,
        },
    )


def _cells(latencies: dict[str, float]) -> tuple[str, ...]:
    return tuple(f"{latencies[name]:.1f}" if latencies else "" for name in ("p50", "p95", "p99"))
