"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bitpipe.stores.paths import require_local

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def group(*options: Decorator) -> Decorator:
    """One decorator that adds these options, in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)

    return decorate


class LocalPath(click.Path):
    """A path on a disk, no address."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(path_type=Path, **kwargs)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; ConfigError for an address."""
        require_local(param.opts[0] if param and param.opts else "a path", str(value))
        return super().convert(value, param, ctx)


FILE = LocalPath(dir_okay=False)

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
    click.option("--out", required=True, type=LocalPath(), help="Folder for all outputs."),
    configuration,
    as_json,
    click.option("--verbose", is_flag=True, help="Show the frameworks' log as well."),
)
