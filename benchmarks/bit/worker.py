"""A process that computes one contender's iterations when it is asked to.

    python -m benchmarks.bit.worker MODULE MODE TASK_JSON

First it writes {"versions": {...}}, or {"unavailable": reason} and ends. Then it answers lines of
its standard input, each with one line of JSON:

    check    -> {"values": ...}   the logits, or the losses of the first CHECKED_LOSSES steps
    memory   -> {"peak_bytes": N}  the most that the process has had
    run N    -> {"seconds": [...]} N iterations one by one, after one that is not counted

It ends with its input. What frameworks print goes to the standard error.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, TextIO

import numpy as np

from benchmarks.bit.task import CHECKED_LOSSES, Task, Unavailable

OPTIONAL = ("jax", "timm", "torch")  # frameworks without which there is less to compare


def main(module: str, mode: str, task_json: str) -> None:
    """Prepares a contender and answers on stdout until stdin ends.

    Args:
        module: one of `benchmarks.bit.contenders`.
        mode: one of the module's modes.
        task_json: what `Task.to_json` has written.
    """
    with _reserved_stdout() as replies:
        task = Task.from_json(task_json)
        try:
            contender = importlib.import_module(f"benchmarks.bit.contenders.{module}")
            iteration = contender.prepare(task, mode)
        except ModuleNotFoundError as error:
            if error.name not in OPTIONAL:
                raise
            return _reply(replies, unavailable=f"{error.name} is not installed")
        except Unavailable as reason:
            return _reply(replies, unavailable=str(reason))
        versions = {name: importlib.metadata.version(name) for name in contender.PACKAGES}
        _reply(replies, versions=versions)
        return answer(sys.stdin, replies, iteration, task)


def answer(
    requests: Iterable[str], replies: TextIO, iteration: Callable[[], np.ndarray], task: Task
) -> None:
    """Answers requests until there are no more."""
    for request in requests:
        match request.split():
            case ["check"]:
                count = CHECKED_LOSSES if task.training else 1
                values = [iteration().tolist() for _ in range(count)]
                _reply(replies, values=values if task.training else values[0])
            case ["run", count]:
                iteration()  # brings back the caches that others have used meanwhile
                _reply(replies, seconds=[_seconds(iteration) for _ in range(int(count))])
            case ["memory"]:
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
                _reply(replies, peak_bytes=peak)
            case _:
                raise ValueError(f"asked for {request.strip()!r}; known: check, memory, run N.")


def _seconds(iteration: Callable[[], np.ndarray]) -> float:
    began = time.perf_counter()
    iteration()
    return time.perf_counter() - began


def _reply(replies: TextIO, **content: Any) -> None:
    replies.write(json.dumps(content) + "\n")
    replies.flush()


def _reserved_stdout() -> TextIO:
    """The standard output for replies alone; anything else printed there goes to the error."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return replies


if __name__ == "__main__":
    main(*sys.argv[1:])
