"""Whether two models differ by more than chance on the same pictures.

What counts are the pictures that one of them gets right and the other does not: were the models
equally good, each such picture would fall to either as a coin does (McNemar 1947, exact form).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
from scipy import special

from components.gate.predictions import Prediction, Role

# Draws where the classes' pictures weigh differently; p is then exact to about 0.003 near 0.05.
_DRAWS = 20_000


class Pairs(msgspec.Struct, frozen=True):
    """How two models did on the same pictures.

    Attributes:
        pictures: how many.
        gained: those that only the candidate gets right.
        lost: those that only the model in service gets right.
    """

    pictures: int
    gained: int
    lost: int

    @property
    def change(self) -> float:
        """The candidate's accuracy minus that of the model in service."""
        return (self.gained - self.lost) / self.pictures

    @property
    def decided(self) -> int:
        """Pictures on which they differ."""
        return self.gained + self.lost

    def __add__(self, other: Pairs) -> Pairs:
        return Pairs(
            self.pictures + other.pictures, self.gained + other.gained, self.lost + other.lost
        )


class Chance(msgspec.Struct, frozen=True):
    """How often chance alone does as much.

    Attributes:
        drop: probability of a drop as large as the one found, or a larger one.
        gain: the same of a gain.
    """

    drop: float
    gain: float


def count(predictions: Iterable[Prediction], best: int = 1) -> dict[str, Pairs]:
    """The pairs of each class, by its name.

    Args:
        predictions: all with a baseline.
        best: an answer is right whose best so many labels hold the true one; 1 asks for the answer
            itself, which may be that no class is sure enough.
    """
    found: dict[str, list[int]] = {}
    for one in predictions:
        candidate, baseline = (_is_right(one, role, best) for role in ("candidate", "baseline"))
        held = found.setdefault(one.label, [0, 0, 0])
        held[0] += 1
        held[1] += candidate and not baseline
        held[2] += baseline and not candidate
    return {name: Pairs(*held) for name, held in sorted(found.items())}


def _is_right(one: Prediction, role: Role, best: int) -> bool:
    answer = one.of(role)
    return answer.best == one.label if best == 1 else one.label in answer.labels[:best]


def together(pairs: Iterable[Pairs]) -> Pairs:
    """All of them, each picture with the same weight."""
    return sum(pairs, Pairs(0, 0, 0))


def balanced_change(pairs: Mapping[str, Pairs]) -> float:
    """The change of the mean of the classes' recalls."""
    return sum(one.change for one in pairs.values()) / len(pairs)


def chance(pairs: Pairs) -> Chance:
    """McNemar's exact test, one-sided each way; 1 and 1 where no picture decides."""
    return Chance(
        drop=_at_least(pairs.lost, pairs.decided), gain=_at_least(pairs.gained, pairs.decided)
    )


def balanced_chance(pairs: Mapping[str, Pairs]) -> Chance:
    """The same for the mean of recalls, where a picture weighs as much as its class is small.

    The distribution of the change is drawn, always the same way; with classes of one size it is
    McNemar's.
    """
    if len({one.pictures for one in pairs.values()}) == 1:
        return chance(together(pairs.values()))
    drawn = np.zeros(_DRAWS)
    generator = np.random.default_rng(0)
    for one in pairs.values():
        if one.decided:
            gained = generator.binomial(one.decided, 0.5, _DRAWS)
            drawn += (2 * gained - one.decided) / one.pictures
    found = balanced_change(pairs) * len(pairs)
    rounding = 1e-9
    return Chance(
        drop=float(1 + (drawn <= found + rounding).sum()) / (1 + _DRAWS),
        gain=float(1 + (drawn >= found - rounding).sum()) / (1 + _DRAWS),
    )


def at_most(right: int, answers: int, share: float) -> float:
    """Probability of so few right answers or fewer, were that share of all answers right."""
    return float(special.bdtr(right, answers, share))


def _at_least(heads: int, coins: int) -> float:
    """Probability of so many heads or more among fair coins."""
    return float(special.betainc(heads, coins - heads + 1, 0.5)) if heads else 1.0
