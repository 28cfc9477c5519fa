"""What Python callers pass, checked at once: a sentence in place of a library's TypeError later."""

from __future__ import annotations

import math
import operator
import os
from typing import Any, TypeVar

from bitpipe.errors import BitpipeError, ConfigError

_T = TypeVar("_T")


def whole_number(
    name: str,
    value: Any,
    least: int,
    most: int | None = None,
    *,
    error: type[BitpipeError] = ConfigError,
) -> int:
    """The number, which may be one of NumPy's; True and False are none.

    Args:
        name: of the argument.
        value: what was passed.
        least: the smallest that it may be.
        most: the largest.
        error: what is raised.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        bounds = f", at least {least}" if most is None else f" from {least} to {most}"
        raise error(f"{name} must be a whole number{bounds}. Received: {value!r}.")
    return number


def positive(name: str, value: Any, *, error: type[BitpipeError] = ConfigError) -> float:
    """The number, which is finite and above 0; see `whole_number`."""
    try:
        number = None if isinstance(value, (bool, str, bytes)) else float(value)
    except (TypeError, ValueError):
        number = None
    if number is None or not (math.isfinite(number) and number > 0):
        raise error(f"{name} must be a finite number greater than 0. Received: {value!r}.")
    return number


def instance(
    name: str,
    value: _T,
    kinds: type | tuple[type, ...],
    wanted: str,
    *,
    error: type[BitpipeError] = ConfigError,
) -> _T:
    """The value, which is of one of these kinds.

    Args:
        name: of the argument.
        value: what was passed.
        kinds: that it may be of.
        wanted: these in words.
        error: what is raised.
    """
    if not isinstance(value, kinds):
        raise error(f"{name} must be {wanted}. Received: {value!r}.")
    return value


def place(name: str, value: Any, *, error: type[BitpipeError] = ConfigError) -> str:
    """A path, or an address, as text."""
    instance(name, value, (str, os.PathLike), "a path", error=error)
    text: str = os.fspath(value)
    if not text:
        raise error(f"{name} must be a path. Received: an empty text.")
    return text
