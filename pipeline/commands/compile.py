"""`bitpipe compile`: the pipeline for a cluster, as files."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.commands import options


@click.command(
    name="compile", short_help="Write the pipeline for Kubeflow Pipelines 2 or Vertex AI."
)
@options.configuration
@click.option(
    "--out",
    required=True,
    type=options.FILE,
    help="File for the pipeline. A manifest (.manifest.json) and TFX's description (.ir.txt) are "
    "written beside it.",
)
def compile_(config: str | None, overrides: tuple[str, ...], out: Path) -> None:
    """Write the pipeline for Kubeflow Pipelines 2, or Vertex AI (kubeflow.target)."""
    from bitpipe import frameworks
    from pipeline.kubeflow.compile import output
    from pipeline.settings import config as configuration

    checked = configuration.load(config, overrides).config
    output.check(checked, out)
    click.echo("loading TFX ...", err=True)
    frameworks.silence()
    for path, size in output.write(checked, out).items():
        click.echo(f"{path}  {size:,} bytes")
