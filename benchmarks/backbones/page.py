"""docs/backbones.md, written from what was measured."""

from __future__ import annotations

import datetime
import importlib.metadata
import statistics
from collections.abc import Sequence

from benchmarks.backbones.measuring import SIZE, Measured, Run
from components.training.durations import in_words

_COLUMNS = (
    "network",
    "file",
    "seconds per 1,000 pictures",
    "least to most",
    "times R50x1",
    "most memory of the process",
)
_PAGE = """# Released weights as frozen backbones

Written by `{command}`.
{machine}; TensorFlow {tensorflow}; {date}.

The weights are random, with the names, shapes and size of BiT-M's own files: seconds and memory
are those of the released ones, scores would mean nothing. Features at {size} px as the
configuration [`laptop`](../pipeline/configs/laptop.yaml) computes them: each picture is decoded and
resized, and passes the network as it is and, as with fewer than 200 a class, mirrored. The networks
take turns, each in a process of its own; medians of {iterations} turns of {pictures} photographs.
The machine is shared and noisy: ratios are what counts.

{table}

Features are computed once: the next run computes those of new pictures alone. Memory is at its
most while the weights are read.

## The configuration `laptop`, from photographs to a judged model

R50x1, the first photographs of each class of tf_flowers, {run_pictures} together: {run_seconds},
imports included, and {run_memory} at most. Stages: {stages}.
"""


def write(machine: str, command: str, measured: Sequence[Measured], run: Run) -> str:
    """The page in Markdown; `command` is what measured it."""
    first = _per_thousand(measured[0])
    rows = [f"| {' | '.join(_COLUMNS)} |", "|---|" + "---:|" * (len(_COLUMNS) - 1)]
    for one in measured:
        scale = 1000 / one.pictures
        rows.append(
            f"| {one.variant} | {one.file_bytes / 1e6:,.0f} MB | {_per_thousand(one):,.0f} | "
            f"{scale * min(one.seconds):,.0f} to {scale * max(one.seconds):,.0f} | "
            f"{_per_thousand(one) / first:.1f} | "
            f"{one.peak_bytes / 2**30:.1f} GiB |"
        )
    stages = sorted(run.stages.items(), key=lambda item: -item[1])
    return _PAGE.format(
        machine=machine,
        command=command,
        tensorflow=importlib.metadata.version("tensorflow"),
        date=datetime.date.today().isoformat(),
        size=SIZE,
        iterations=len(measured[0].seconds),
        pictures=measured[0].pictures,
        table="\n".join(rows),
        run_pictures=run.pictures,
        run_seconds=in_words(run.seconds),
        run_memory=f"{run.peak_bytes / 2**30:.1f} GiB",
        stages=", ".join(f"{name} {seconds:.0f} s" for name, seconds in stages if seconds >= 1),
    )


def _per_thousand(one: Measured) -> float:
    return 1000 * statistics.median(one.seconds) / one.pictures
