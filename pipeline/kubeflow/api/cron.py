"""Cron expressions: from the usual five fields to the six that Kubeflow takes."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping

from bitpipe.errors import ConfigError

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_DAYS = {
    name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
}
# What Kubeflow's scheduler (robfig/cron 1) takes: title, lowest, highest, names.
_FIELDS: tuple[tuple[str, int, int, Mapping[str, int]], ...] = (
    ("second", 0, 59, {}),
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_ITEM = re.compile(
    r"(?P<first>[*?]|\w{1,3})(?:-(?P<last>\w{1,3}))?(?:/(?P<step>\d{1,3}))?", re.ASCII
)
_UP_TO_7 = re.compile(
    rf"(?:(?P<first>[0-7]|{'|'.join(_DAYS)})-)?7(?:/(?P<step>[1-9]\d?))?", re.ASCII
)
_ANY = ("*", "?")


def kubeflow_fields(text: str) -> str:
    """Kubeflow's six fields, seconds first, from the usual five or from six.

    Kubeflow would not refuse five fields: it would take the minutes for seconds.

    Raises:
        ConfigError: a field cannot be read, or no day is ever meant.
    """
    fields = text.split()
    if len(fields) == 5:
        fields = ["0", *fields[:4], _sunday_is_0(fields[4])]
    if len(fields) != 6:
        raise ConfigError(
            "--cron takes five fields (minute, hour, day, month, weekday), as in '0 2 * * *', or "
            f"six with seconds first. Received: {text!r}."
        )
    values = [_values(field, *rule) for field, rule in zip(fields, _FIELDS, strict=True)]
    *_, days, months, _ = values
    # 2000 was a leap year.
    if fields[5] in _ANY and not any(
        day <= calendar.monthrange(2000, month)[1] for day in days for month in months
    ):
        raise ConfigError(f"--cron: no month meant has such a day. Received: {text!r}.")
    return " ".join(fields)


def _sunday_is_0(field: str) -> str:
    """The weekdays without 7, which is Sunday for cron and out of range for Kubeflow."""
    items = []
    for item in field.split(","):
        found = _UP_TO_7.fullmatch(item.lower())
        if found:
            start = found["first"] or "7"
            first = _DAYS[start] if start in _DAYS else int(start)
            days = range(first, 8, int(found["step"] or 1))
            item = ",".join(str(day % 7) for day in days)
        items.append(item)
    return ",".join(items)


def _values(
    field: str, title: str, lowest: int, highest: int, names: Mapping[str, int]
) -> set[int]:
    """All values that a field means."""
    meant: set[int] = set()
    for item in field.split(","):
        found = _ITEM.fullmatch(item)
        if not found:
            raise _bad_field(field, title, "use numbers, '*', ranges, lists and steps")
        if found["first"] in _ANY:
            if found["last"]:
                raise _bad_field(field, title, "'*' has no range")
            if found["first"] == "?" and not title.startswith("day"):
                raise _bad_field(field, title, "'?' is for days only")
            first, last = lowest, highest
        else:
            first = _number(found["first"], field, title, names)
            # As robfig/cron reads it: with a step, one number means from there on.
            last = highest if found["step"] else first
            if found["last"]:
                last = _number(found["last"], field, title, names)
        if not lowest <= first <= highest or not lowest <= last <= highest:
            sunday = "; Sunday is 0" if names is _DAYS else ""
            raise _bad_field(field, title, f"{lowest} to {highest}{sunday}")
        if first > last:
            raise _bad_field(field, title, "a range must not go backwards")
        step = int(found["step"] or 1)
        if not step:
            raise _bad_field(field, title, "a step must not be 0")
        meant.update(range(first, last + 1, step))
    return meant


def _number(text: str, field: str, title: str, names: Mapping[str, int]) -> int:
    if text.isdigit():
        return int(text)
    if text.lower() in names:
        return names[text.lower()]
    raise _bad_field(field, title, "use numbers, '*', ranges, lists and steps")


def _bad_field(field: str, title: str, rule: str) -> ConfigError:
    return ConfigError(f"--cron: the {title} cannot be used ({rule}). Received: {field!r}.")
