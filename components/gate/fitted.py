"""What is required and said of a model whose numbers were set once it was trained."""

from __future__ import annotations

from collections.abc import Iterator

from bitpipe.model.calibration import Calibration
from bitpipe.model.signature import UNKNOWN
from components.gate import paired
from components.gate.measures import Measures
from components.gate.settings import GateSettings
from components.gate.verdict import Check
from components.gate.wording import ROUNDING, against

_RULE = "gate.reject_below"
_REMEDY = f"ask for less precision ({_RULE}), train longer, or add pictures"


def checks(found: Measures, fitted: Calibration, gate: GateSettings) -> Iterator[Check]:
    """Whether the answers that are given are right as often as was wanted.

    Chance alone misses the precision on other pictures in half of all cases, so a miss counts
    beyond `gate.significance` alone (exact binomial test).
    """
    wanted, value = fitted.precision, found.precision
    if wanted is None:
        return
    answered = found.pictures - found.unknown
    if fitted.reached and value is not None:
        p = paired.at_most(found.right, answered, wanted)
        is_reached = value >= wanted - ROUNDING
        is_noise = p > gate.significance
        what = "reaches" if is_reached else "is below"
        noise = f", which is within the noise (p = {p:.2g})" if is_noise else f" (p = {p:.2g})"
        yield against(
            _RULE,
            value,
            wanted,
            answered,
            passed=is_reached or is_noise,
            says=f"precision {{measured}} on the {answered} of {found.pictures} pictures that are "
            f"answered with a class {what} the {{required}} that is wanted"
            f"{'' if is_reached else noise}",
        )
        return
    problem = (
        f"each of the {found.pictures} pictures is answered {UNKNOWN!r}"
        if fitted.reached
        else f"above no score are the answers right in {wanted:.4f} of all cases, on the "
        f"{len(fitted.pictures)} pictures on which one was looked for, of which {fitted.right} are "
        "right"
    )
    yield Check(
        rule=_RULE,
        passed=False,
        sentence=f"{problem}; {_REMEDY}",
        required=wanted,
        measured=value,
        pictures=answered,
    )


def notes(found: Measures, fitted: Calibration) -> Iterator[str]:
    """What was set, on which pictures, and what became of it."""
    on = f"fitted on {len(fitted.pictures)} pictures, judged on {found.pictures} others"
    if fitted.is_calibrated and fitted.right == len(fitted.pictures):
        yield (
            f"no temperature was {on}: all of the former are right, which tells none "
            "(gate.calibrate)"
        )
    elif fitted.is_calibrated:
        yield f"temperature {fitted.temperature:g} {on} (gate.calibrate)"
    if fitted.reject_below:
        chosen = f", {on}" if fitted.precision is not None else ""
        right = "" if found.precision is None else f", of which {found.precision:.4f} are right"
        yield (
            f"answers {UNKNOWN!r} where the best score is below {fitted.reject_below:.4f}{chosen}: "
            f"{found.coverage:.4f} of the pictures are answered with a class{right} ({_RULE})"
        )
