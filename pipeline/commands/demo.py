"""`bitpipe demo`: from pictures to a server's answers, without any download."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.commands import options


@click.command(short_help="Train on handwritten digits, serve the model and ask it.")
@click.option(
    "--out",
    type=options.LocalPath(),
    default=Path("demo"),
    show_default=True,
    help="Folder for the pictures and the run.",
)
def demo(out: Path) -> None:
    """Run the pipeline on handwritten digits, serve the model and ask it about unseen ones."""
    from pipeline import interruption

    with interruption.ends_process():
        from pipeline import demo as demonstration

        demonstration.run(out)
