"""The bar of the commands that answer pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


@contextmanager
def shown(total: int, done: int = 0, failed: int = 0) -> Iterator[Callable[[int, int], None]]:
    """Shows a bar on stderr; gives a function that is told of all pictures done and failed."""
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed"),
        TimeRemainingColumn(),
    )
    # The answers may go through stdout meanwhile.
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("", total=total, completed=done, failed=failed)
        yield lambda done, failed: bar.update(task, completed=done, failed=failed)
