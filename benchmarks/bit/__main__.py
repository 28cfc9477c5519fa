"""BiT on the CPU, ours against others: `python -m benchmarks.bit`, or `make bench-bit`."""

from __future__ import annotations

from typing import Any

import click

from benchmarks.bit import command, lineup
from benchmarks.bit.task import Task
from benchmarks.kit import machine

VARIANT = "R50x1"
_QUICK: dict[str, Any] = {"variant": "R14x0.5", "image_size": 32, "batch": 2}


@click.command()
@command.options(lineup.BIT_ROWS)
@click.option(
    "--quick",
    is_flag=True,
    help="A tiny network: shows that everything runs, its ratios mean nothing.",
)
def main(quick: bool, **options: Any) -> None:
    """Compares BiT on the CPU, ours against Keras' own layers and PyTorch."""

    def task_of(row: lineup.Row, folder: str) -> Task:
        size = {"variant": VARIANT, "image_size": row.image_size, "batch": row.batch}
        return Task(folder=folder, training=row.training, **(_QUICK if quick else size))

    command.run(lineup.BIT_ROWS, task_of, machine.describe(), quick=quick, **options)


if __name__ == "__main__":
    main()
