"""The gate's verdict in words and numbers, kept beside TFMA's for blessed and refused models alike.

`verdict.json` in the `evaluation` artifact is a `Verdict`, `measures.json` a `Measured`.
"""

from __future__ import annotations

import msgspec

from components.gate.comparison import Compared
from components.gate.measures import Measures

FILE = "verdict.json"
MEASURES_FILE = "measures.json"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one rule.

    Attributes:
        rule: the setting that decides it, such as `gate.min_accuracy`.
        passed: whether the candidate keeps it.
        sentence: all of it in words.
        required: what the rule wants, where it is a number.
        measured: what was found, where it is a number.
        of_class: the class that it is about; None where it is about all.
        pictures: how many it was measured on.
    """

    rule: str
    passed: bool
    sentence: str
    required: float | None = None
    measured: float | None = None
    of_class: str | None = None
    pictures: int


class Verdict(msgspec.Struct, frozen=True):
    """What the gate decided.

    Attributes:
        blessed: whether the model may be pushed.
        checks: what came of each rule.
        notes: sentences that change nothing.
    """

    blessed: bool
    checks: tuple[Check, ...]
    notes: tuple[str, ...]

    @property
    def objections(self) -> tuple[str, ...]:
        """One sentence for each rule that it breaks; none where it is blessed."""
        return tuple(check.sentence for check in self.checks if not check.passed)

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it, what speaks against the model first."""
        kept = tuple(check.sentence for check in self.checks if check.passed)
        return (*self.objections, *kept, *self.notes)


class Measured(msgspec.Struct, frozen=True):
    """What the gate counted.

    Attributes:
        candidate: on the whole evaluation split.
        compared: None where the candidate was judged alone.
        test: the candidate on a split `test` that the data bring, which no rule looks at; None
            where there is none.
    """

    candidate: Measures
    compared: Compared | None
    test: Measures | None = None
