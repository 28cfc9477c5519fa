"""Numbers beside what they are compared with, so that people can tell them apart."""

from __future__ import annotations

from components.gate.verdict import Check

# Comparisons of floating-point means; a candidate equal to what is required must pass.
ROUNDING = 1e-9


def apart(one: float, other: float) -> tuple[str, str]:
    """Both with four decimals, or as many as it takes to tell them apart."""
    for decimals in range(4, 9):
        texts = f"{one:.{decimals}f}", f"{other:.{decimals}f}"
        if texts[0] != texts[1] or abs(one - other) <= ROUNDING:
            return texts
    return texts


def against(
    rule: str, value: float, limit: float, pictures: int, *, passed: bool, says: str
) -> Check:
    """What came of a rule on one number of the whole split.

    Args:
        rule: the setting with the limit.
        value: what was measured.
        limit: what is required.
        pictures: how many it was measured on.
        passed: whether it is kept.
        says: the sentence, with {measured} and {required} in their places; the rule follows.
    """
    measured, required = apart(value, limit)
    return Check(
        rule=rule,
        passed=passed,
        sentence=f"{says.format(measured=measured, required=required)} ({rule})",
        required=limit,
        measured=value,
        pictures=pictures,
    )
