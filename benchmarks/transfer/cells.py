"""What is measured, and in which order: a cell is one training run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.transfer.datasets import DATA
from components.training.method import BOTH, FINE_TUNE, PROBE

SCRATCH = "scratch"
# A probe can afford larger pictures than what trains the network; this one is not given them.
SAME_SIZE = "probe_at_same_size"
PROBES = (PROBE, SAME_SIZE)
METHODS = (*PROBES, BOTH, FINE_TUNE, SCRATCH)
SEEDS = 5

# The equal budget of whatever trains the whole network: three passes, or so many steps where there
# are few pictures. On two idle cores a cell takes half a minute to a minute and a half of it.
BATCH = 32
PASSES = 3
LEAST_STEPS = 100

# Tried on the first seed at so many pictures a class, judged by training pictures that it did not
# draw; the best is taken for all cells of the method. The HyperRule's own for this batch is
# 0.00019.
RATES: Mapping[str, Sequence[float]] = {
    BOTH: (0.001, 0.003, 0.01, 0.03),
    FINE_TUNE: (0.003, 0.01, 0.03, 0.1),
    SCRATCH: (0.01, 0.03, 0.1),
}
RATE_SHOTS = 25
# Too small to leave pictures over: it takes over the rates of the other photographs.
RATES_OF = {"ants_bees": "tf_flowers"}

# The curve over steps: larger batches, as the HyperRule's are.
CURVE_BATCH = 128
CURVE_STEPS = 60
CURVE_EVERY = 4
CURVE_RATES: Mapping[str, Sequence[float]] = {
    FINE_TUNE: (0.012, 0.04, 0.12),
    SCRATCH: (0.01, 0.03, 0.1),
}
# Enough for five passes, and as many are left to judge by.
CURVE_RATE_SHOTS = 300


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training run.

    Attributes:
        kind: `accuracy`, `curve` for accuracy over steps, or `rate` and `curve_rate` where a rate
            is tried for one of these.
        data: of `datasets.DATA`.
        method: of `METHODS`.
        shots: pictures a class; `None` for all.
        seed: of the draw, of the order, and of a network that starts from scratch.
        rate: that is tried; else `None`.
    """

    kind: str
    data: str
    method: str
    shots: int | None
    seed: int
    rate: float | None = None

    @property
    def of_curve(self) -> bool:
        """Whether it takes the batches and steps of a curve."""
        return self.kind in ("curve", "curve_rate")


def steps(pictures: int) -> int:
    """Of the equal budget."""
    return max(LEAST_STEPS, math.ceil(PASSES * pictures / BATCH))


def grid(names: Sequence[str]) -> list[Cell]:
    """All cells of these data sets, in the order in which they are worth having.

    Probes first, as they take seconds, of all pictures before few, whose features are then kept;
    then rates, a curve, few pictures a class beginning with those that rates were chosen for, many,
    more curves. In each of these seed by seed, so that whatever ends it leaves rows for all.
    """
    networks = [
        *sorted(_accuracy(names, tuple(RATES), few=True), key=lambda cell: -(cell.shots or 0)),
        *_accuracy(names, tuple(RATES), few=False),
    ]
    curves = list(_curve(names, SEEDS))
    return [
        *_accuracy(names, PROBES, few=False),
        *_accuracy(names, PROBES, few=True),
        *dict.fromkeys(one for cell in (*networks, *curves) for one in tried_for(cell)),
        *_curve(names, 1),
        *networks,
        *curves,
    ]


def _accuracy(names: Sequence[str], methods: Sequence[str], *, few: bool) -> Iterator[Cell]:
    for seed in range(SEEDS):
        for data in names:
            for shots in DATA[data].shots:
                if (shots is not None and shots <= RATE_SHOTS) == few:
                    yield from (Cell("accuracy", data, one, shots, seed) for one in methods)


def _curve(names: Sequence[str], seeds: int) -> Iterator[Cell]:
    if "tf_flowers" in names:
        for seed in range(seeds):
            for method in (FINE_TUNE, SCRATCH):
                yield Cell("curve", "tf_flowers", method, None, seed)


def tried_for(cell: Cell) -> list[Cell]:
    """The cells by which its rate is chosen; none where it has a rate, or needs none."""
    rates = CURVE_RATES if cell.of_curve else RATES
    if cell.rate is not None or cell.method not in rates:
        return []
    kind, shots = ("curve_rate", CURVE_RATE_SHOTS) if cell.of_curve else ("rate", RATE_SHOTS)
    data = RATES_OF.get(cell.data, cell.data)
    return [Cell(kind, data, cell.method, shots, 0, rate) for rate in rates[cell.method]]
