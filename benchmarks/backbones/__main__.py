"""Released networks as frozen backbones: `make bench-backbones DATA=folder`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from benchmarks.backbones import measuring, page
from benchmarks.bit.command import even
from benchmarks.bit.task import Task
from benchmarks.kit import machine
from benchmarks.kit.project import ROOT
from bitpipe.errors import BitpipeError
from components.bit.source import IMAGENET_21K

VARIANTS = ("R50x1", "R101x1", "R50x3")
_PAGE = ROOT / "docs" / "backbones.md"


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with a folder of JPEG files per class; tf_flowers, for the page.",
)
@click.option("--rounds", default=4, show_default=True, callback=even, help="Turns of each.")
@click.option("--pictures", default=4, show_default=True, help="Pictures of a turn.")
@click.option("--per-class", default=30, show_default=True, help="Pictures of the whole run.")
@click.option(
    "--page",
    "path",
    default=_PAGE,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write what was measured.  [default: docs/backbones.md]",
)
def main(data: Path, rounds: int, pictures: int, per_class: int, path: Path) -> None:
    """Measures seconds and memory of a probe on released networks' random twins."""
    note = Console(stderr=True, highlight=False).print
    try:
        with tempfile.TemporaryDirectory(prefix="bitpipe-benchmark-") as folder:
            measured = measuring.backbones(
                VARIANTS, data, folder, pictures=pictures, count=rounds, note=note
            )
            note("bitpipe run --config laptop")
            weights = Task(folder, VARIANTS[0], 0, 0, False, IMAGENET_21K).checkpoint_path
            run = measuring.laptop(weights, data, Path(folder) / "laptop", per_class)
    except BitpipeError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    command = (
        f"python -m benchmarks.backbones --data {data.name} --rounds {rounds} "
        f"--pictures {pictures} --per-class {per_class}"
    )
    text = page.write(machine.describe(), command, measured, run)
    path.write_text(text, encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
