"""BiT's training on an accelerator: `make bench-accelerator`.

Images per second in bfloat16, ours on JAX against timm's `resnetv2_50x1_bit` on PyTorch.
"""

from __future__ import annotations

import os
import subprocess
from typing import Any

import click

from benchmarks.bit import command, lineup
from benchmarks.bit.process import Contender
from benchmarks.bit.task import Task
from benchmarks.kit import machine

VARIANT = "R50x1"  # the one that timm has, too
# Pixels and batch: with fewer, bfloat16's losses of equal networks part after the first update.
REHEARSAL = (64, 8)
# Prints the accelerator's name, or an empty line.
_PROBE = """
import jax
device = jax.devices()[0]
print("" if device.platform == "cpu" else device.device_kind)
"""


@click.command()
@command.options(lineup.ACCELERATOR_ROWS)
@click.option(
    "--rehearse",
    is_flag=True,
    help="Eight tiny images on the CPU: shows that everything runs, its ratios mean nothing.",
)
def main(rehearse: bool, **options: Any) -> None:
    """Compares BiT's training on an accelerator, ours on JAX against timm on PyTorch."""
    rows = (
        [row.on_cpu() for row in lineup.ACCELERATOR_ROWS[:1]]
        if rehearse
        else (lineup.ACCELERATOR_ROWS)
    )
    device = "" if rehearse else accelerator(lineup.JAX)
    if not device and not rehearse:
        click.echo(
            "No measurement: JAX finds no accelerator here. Run this where there is one, with "
            "JAX built for it and torch and timm installed; --rehearse tries it on the CPU."
        )
        return

    def task_of(row: lineup.Row, folder: str) -> Task:
        size = REHEARSAL if rehearse else (row.image_size, row.batch)
        return Task(folder, VARIANT, *size, training=True, bfloat16=True)

    names = ", ".join(filter(None, (device, machine.describe())))
    command.run(rows, task_of, names, quick=rehearse, **options)


def accelerator(contender: Contender) -> str:
    """The name of the accelerator that JAX finds, asked in the contender's process; empty if none.

    Not in this process: it would hold the device.
    """
    finished = subprocess.run(
        [contender.python, "-c", _PROBE],
        env={**os.environ, **contender.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.stdout.strip() if finished.returncode == 0 else ""


if __name__ == "__main__":
    main()
