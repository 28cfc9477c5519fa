"""What is to be reached, and the memory's slope."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Goal:
    """A number with a bound.

    Attributes:
        text: what is measured.
        limit: the bound, which itself is good enough.
        at_least: it must not be less than the limit; else, not more.
        measured: NaN when nothing could be measured, which is not good enough.
        unit: behind the numbers.
    """

    text: str
    limit: float
    at_least: bool
    measured: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """False also for what could not be measured (NaN)."""
        if math.isnan(self.measured):
            return False
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    @property
    def wanted(self) -> str:
        """The limit, as the report shows it."""
        return f"{'at least' if self.at_least else 'at most'} {number(self.limit)}{self.unit}"


@dataclasses.dataclass(frozen=True)
class Section:
    """What a scenario has found.

    Attributes:
        name: as in `--only`.
        title: one line.
        columns: of the table; the first one names the rows.
        rows: cells of the table.
        goals: judged.
        notes: sentences below it.
        measured: everything, for other programs.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    goals: Sequence[Goal]
    notes: Sequence[str] = ()
    measured: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def number(value: float) -> str:
    """Three digits that matter, and never an exponent."""
    if math.isnan(value):
        return "nothing"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return np.format_float_positional(value, precision=3, fractional=False, trim="-")


def slope(counts: Sequence[float], values: Sequence[float]) -> float:
    """Rise of the values per count, by least squares over the second half of the samples.

    The first half is left out: caches fill, and the allocator's arenas grow to what they need.
    NaN for fewer than two samples in the half, or none apart.
    """
    half = len(counts) // 2
    x, y = np.asarray(counts[half:], float), np.asarray(values[half:], float)
    if len(x) < 2 or np.ptp(x) == 0:
        return math.nan
    centered = x - x.mean()
    return float(centered @ (y - y.mean()) / (centered @ centered))
