"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def group(*options: Decorator) -> Decorator:
    """One decorator that adds these options, in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)

    return decorate


FILE = click.Path(dir_okay=False, path_type=Path)

configuration = group(
    click.option(
        "--config",
        metavar="FILE",
        help="YAML file, or the name of a shipped one (see `bitpipe config list`). "
        "Default: photos.",
    ),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Overrides one value, for example train.steps=100. Repeatable.",
    ),
)
