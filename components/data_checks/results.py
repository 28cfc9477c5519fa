"""What came of the checks; kept beside TFX's anomalies by `kept.py`."""

from __future__ import annotations

import msgspec

from components.data_checks.settings import Severity

# In the `anomalies` artifact.
FILE = "checks.json"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one rule.

    Attributes:
        rule: its setting, such as `checks.imbalance`.
        severity: what follows where it is broken: `warn` or `fail`.
        passed: whether it is kept.
        sentence: what was found, and where it is broken, what to do.
        measured: the number that was found, where it is one.
        limit: what it may be, where that is a number.
    """

    rule: str
    severity: Severity
    passed: bool
    sentence: str
    measured: float | None = None
    limit: float | None = None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `FILE`.

    Attributes:
        checks: a result for each rule that could be judged.
        classes: pictures of each class, all splits together; what the next ones are compared with.
    """

    checks: tuple[Check, ...]
    classes: dict[str, int]
