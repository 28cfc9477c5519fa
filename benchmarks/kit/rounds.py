"""Who computes when, and what is compared: interleaved turns, equal answers, medians, goals."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from benchmarks.kit.project import BenchmarkError

# Of logits to the largest one, and of each loss to itself: float32 in another order of summation.
OUTPUT_TOLERANCE = 1e-3
LOSS_TOLERANCE = 1e-4
# bfloat16 keeps eight bits. Logits under random weights differ by 2 to 4 % through the layers; what
# computes something else, by all of their size.
BFLOAT16_LOSS_TOLERANCE = 3e-2
BFLOAT16_OUTPUT_TOLERANCE = 1e-1

MOST_ITERATIONS = 50  # a turn

Run = Callable[[int], Sequence[float]]


def interleave(runs: Mapping[str, Run], rounds: int, turn_s: float) -> dict[str, list[float]]:
    """Lets contenders take turns, one at a time, forwards in even rounds and backwards in odd.

    Args:
        runs: name -> (number of iterations -> seconds of each).
        rounds: even, so that both orders count equally.
        turn_s: seconds a turn should last for the slowest; all get the same iterations.

    Returns:
        name -> seconds of every iteration.
    """
    assert rounds % 2 == 0
    slowest = max(max(run(1)) for run in runs.values())
    iterations = min(MOST_ITERATIONS, max(1, round(turn_s / slowest)))
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds):
        order = list(runs) if turn % 2 == 0 else list(runs)[::-1]
        for name in order:
            seconds[name] += runs[name](iterations)
    return seconds


def require_equal(
    reference: str,
    values: Mapping[str, np.ndarray],
    *,
    training: bool,
    bfloat16: Collection[str] = (),
) -> None:
    """Raises BenchmarkError unless all contenders compute what `reference` does.

    Args:
        reference: one of the names in `values`.
        values: name -> logits (B, classes), or with `training` the first losses (N,).
        training: see there.
        bfloat16: names of those that compute in it, or whose reference does.
    """
    expected = values[reference]
    for name, actual in values.items():
        if actual.shape != expected.shape:
            raise BenchmarkError(
                f"{name} answers {actual.shape} values and {reference} {expected.shape}: they "
                "do not compute the same, and are not timed."
            )
        difference = np.abs(actual - expected) / (
            np.abs(expected) if training else _scale(expected)
        )
        tolerance = LOSS_TOLERANCE if training else OUTPUT_TOLERANCE
        if name in bfloat16:
            tolerance = BFLOAT16_LOSS_TOLERANCE if training else BFLOAT16_OUTPUT_TOLERANCE
        worst = float(np.max(difference))
        if not worst <= tolerance:  # NaN is not, either
            raise BenchmarkError(
                f"the {'first losses' if training else 'logits'} of {name} differ from those of "
                f"{reference} by {worst:.1e} of their size (allowed: {tolerance:.0e}): they do "
                "not compute the same, and are not timed."
            )


def _scale(values: np.ndarray) -> float:
    return float(np.abs(values).max())


@dataclasses.dataclass(frozen=True)
class Goal:
    """A ratio that is to be reached.

    Attributes:
        text: what is compared.
        least: the goal; a ratio of 1 is met only when exceeded.
        ratio: time of the other to ours; None when the other could not run.
    """

    text: str
    least: float
    ratio: float | None

    @property
    def met(self) -> bool | None:
        """None where the other could not run."""
        if self.ratio is None:
            return None
        return self.ratio > 1 if self.least == 1 else self.ratio >= self.least


def medians(seconds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Name -> median of its iterations."""
    return {name: statistics.median(values) for name, values in seconds.items()}


def fastest(median: Mapping[str, float], families: Mapping[str, str], family: str) -> str | None:
    """The name of the family's fastest contender; None when none ran."""
    of_family = [name for name in median if families[name] == family]
    return min(of_family, key=median.__getitem__, default=None)
