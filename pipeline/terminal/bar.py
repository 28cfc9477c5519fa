"""The bar of the commands that answer pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.terminal import streams

# Is told how many pictures are done, have failed, and are there in all.
Advance = Callable[[int, int, int], None]


@contextmanager
def shown() -> Iterator[Advance | None]:
    """A function whose first call shows a bar on stderr; `None` where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed"),
        TimeRemainingColumn(),
    )
    # The answers may go through stdout meanwhile.
    console = streams.console(sys.stderr)
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=False)
    task = bar.add_task("", total=None, failed=0)
    is_shown = False

    def advance(done: int, failed: int, total: int) -> None:
        nonlocal is_shown
        bar.update(task, completed=done, failed=failed, total=total)
        if not is_shown:
            is_shown = True
            bar.start()

    try:
        yield advance
    finally:
        bar.stop()
