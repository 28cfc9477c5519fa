"""`bitpipe config`: what a run would be told."""

from __future__ import annotations

import click

from pipeline.commands import options


@click.group()
def config() -> None:
    """Look at configurations."""


@config.command()
@options.configuration
def show(config: str | None, overrides: tuple[str, ...]) -> None:
    """Print the effective configuration and where each value came from."""
    from pipeline.settings import config as configuration
    from pipeline.settings import rendering

    click.echo(rendering.render(configuration.load(config, overrides)), nl=False)


@config.command(name="list")
def list_() -> None:
    """Print the names of the shipped configurations."""
    from pipeline.settings import shipped

    formatter = click.HelpFormatter(max_width=80)
    formatter.write_dl([(name, shipped.headline(name)) for name in shipped.names()])
    click.echo(formatter.getvalue(), nl=False)
