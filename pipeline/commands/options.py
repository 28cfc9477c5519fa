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

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")

# Of the commands that run stages here.
output = group(
    click.option(
        "--out", required=True, type=click.Path(path_type=Path), help="Folder for all outputs."
    ),
    configuration,
    as_json,
    click.option("--verbose", is_flag=True, help="Show the frameworks' log as well."),
)
