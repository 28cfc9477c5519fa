"""What `train.method=auto` takes, by a rule on a few facts.

| weights | computes on | `train.minutes` | method |
|---|---|---|---|
| from scratch | anything | any | `fine_tune`: features of a random network tell nothing |
| pre-trained | several workers, or a TPU | any | `fine_tune`: a probe computes on one machine |
| pre-trained | one GPU or several | none | `fine_tune`, the paper's recipe |
| pre-trained | GPUs | given | the first that fits into it |
| pre-trained | a CPU, below 200 pictures a class | any | `probe`: the network gains nothing sure |
| pre-trained | a CPU | given, or 10 | the first that fits into it |

The first of `probe_then_fine_tune` and `probe`; where none fits it is `probe`, which takes the
least. `fine_tune` is not among them: from a head of zeros so few steps end below a probe. How many
pictures there are decides beyond that through the time they take, which is measured
(components.training.pace).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from components.training.durations import in_words

FINE_TUNE, PROBE, BOTH = "fine_tune", "probe", "probe_then_fine_tune"
# Best first, measured: see docs/results.md.
ORDER = (BOTH, PROBE)
# Below it the steps that a CPU can take gain nothing that is sure. Measured with bit-mini, see
# docs/results.md: with 100 to 122 photographs a class one data set gains 2 points, one none, and
# one loses 5; with 500 and 591 both gain 2 to 4. Where between these it turns was not measured.
FEW_PER_CLASS = 200
# What a person waits for without having been asked.
CPU_MINUTES = 10.0


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the choice hangs on.

    Attributes:
        pretrained: the backbone has learned something.
        one_machine: neither several workers nor a TPU.
        accelerated: there is a GPU.
        minutes: `train.minutes`.
        pictures_per_class: pictures to train on, by the number of classes.
    """

    pretrained: bool
    one_machine: bool
    accelerated: bool
    minutes: float | None
    pictures_per_class: float

    @property
    def is_few(self) -> bool:
        """Whether there are too few pictures for the steps that a CPU can take."""
        return not self.accelerated and self.pictures_per_class < FEW_PER_CLASS

    @property
    def budget_s(self) -> float | None:
        """Seconds that training may take; `None` where time does not decide."""
        if not self.pretrained or not self.one_machine or self.is_few:
            return None
        if self.minutes is None:
            return None if self.accelerated else 60 * CPU_MINUTES
        return 60 * self.minutes


@dataclasses.dataclass(frozen=True)
class Estimate:
    """Seconds that a method takes here, or takes at least."""

    seconds: float
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'at least ' if self.at_least else ''}{in_words(self.seconds)}"


@dataclasses.dataclass(frozen=True)
class Choice:
    """A method, and why."""

    method: str
    reason: str


def choose(facts: Facts, estimates: Mapping[str, Estimate]) -> Choice:
    """The table above.

    Args:
        facts: see there.
        estimates: of each method; read only where `facts.budget_s` is not None.
    """
    if not facts.pretrained:
        return Choice(FINE_TUNE, "the network starts from scratch, so its features tell nothing")
    if not facts.one_machine:
        return Choice(FINE_TUNE, "a probe computes on one machine's CPU or GPUs only")
    if facts.is_few:
        return Choice(
            PROBE,
            f"with fewer than {FEW_PER_CLASS} pictures a class "
            f"({math.floor(facts.pictures_per_class)}) the steps that a CPU has time for may lose "
            "what the backbone knows",
        )
    budget = facts.budget_s
    if budget is None:
        return Choice(FINE_TUNE, "a GPU has the time for the whole network")
    device = "a GPU" if facts.accelerated else "a CPU"
    said = "train.minutes" if facts.minutes is not None else "no train.minutes, so"
    given = f"{said} {budget / 60:g} on {device}"
    too_long: list[str] = []
    for method in ORDER:
        if estimates[method].seconds <= budget:
            beyond = f", {' and '.join(too_long)} would not" if too_long else ""
            return Choice(method, f"{given}: it fits{beyond}")
        too_long.append(f"{method} ({estimates[method]})")
    return Choice(PROBE, f"{given}: no method fits, this one takes the least")
