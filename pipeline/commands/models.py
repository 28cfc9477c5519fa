"""`bitpipe models`: the versions of a model, and which one is in service."""

from __future__ import annotations

import json
from typing import Any

import click

from pipeline.commands import options

_PLACE = (
    click.option(
        "--models",
        "place",
        required=True,
        metavar="FOLDER",
        help="Folder or address that holds NAME/VERSION, or the versions themselves.",
    ),
    click.option("--name", help="The model's name.  [default: that of the only one in --models]"),
    options.as_json,
)
_placed = options.group(*_PLACE)
_decided = options.group(
    *_PLACE,
    click.option("--why", default="", metavar="TEXT", help="The reason, which is remembered."),
    click.option("--by", metavar="NAME", help="Who decides.  [default: USER@HOST]"),
)


@click.group(short_help="Show versions, put one into service, go back.")
def models() -> None:
    """Show the versions of a model, put one into service, go back to an older one.

    What is decided stands in release.json beside the versions; servers follow it at once, and so
    does the next run.
    """


@models.command(name="list")
@_placed
def list_(place: str, name: str | None, as_json: bool) -> None:
    """Print the versions, the newest first."""
    registry = _registry(place, name)
    found = registry.versions()
    if as_json:
        click.echo(json.dumps([version.as_dict() for version in found]))
        return
    from pipeline.terminal import versions

    versions.print_list(registry, found)


@models.command()
@click.argument("version", type=int)
@_placed
def show(version: int, place: str, name: str | None, as_json: bool) -> None:
    """Print all that is known of VERSION."""
    registry = _registry(place, name)
    found = registry.version(version)
    history = [
        event for event in registry.release.history if version in (event.version, event.before)
    ]
    if as_json:
        events = [vars(event) for event in history]
        click.echo(json.dumps({**found.as_dict(), "history": events}))
        return
    from pipeline.terminal import versions

    versions.print_version(found, history)


@models.command()
@click.argument("first", type=int)
@click.argument("second", type=int)
@_placed
def compare(first: int, second: int, place: str, name: str | None, as_json: bool) -> None:
    """Print how version SECOND differs from version FIRST."""
    found = _registry(place, name).compare(first, second)
    if as_json:
        click.echo(json.dumps(found.as_dict()))
        return
    from pipeline.terminal import versions

    versions.print_comparison(found)


@models.command()
@click.argument("version", type=int, required=False)
@click.option(
    "--to",
    "label",
    type=click.Choice(["stable", "canary"]),
    default="stable",
    show_default=True,
    help="stable: in service. canary: loaded beside it, for requests that name the label.",
)
@_decided
def promote(version: int | None, label: str, place: str, name: str | None, **how: Any) -> None:
    """Put VERSION, or the newest one, into service, or try it beside the one in service."""
    registry = _registry(place, name)
    chosen = registry.newest() if version is None else version
    _tell(registry, how, lambda decision: registry.promote(chosen, label, decision))


@models.command()
@click.option("--to", "target", type=int, metavar="VERSION", help="[default: the one before]")
@click.option("--canary", is_flag=True, help="Take the canary back; what is in service stays.")
@_decided
def rollback(target: int | None, canary: bool, place: str, name: str | None, **how: Any) -> None:
    """Put an older version into service; the models after it are not pushed again."""
    if canary and target is not None:
        raise click.UsageError("Give --to, or --canary, not both.")
    registry = _registry(place, name)
    if canary:
        _tell(registry, how, registry.end_trial)
    else:
        _tell(registry, how, lambda decision: registry.rollback(target, decision))


@models.command()
@click.argument("version", type=int)
@click.option("--remove", is_flag=True, help="It may be removed again.")
@_decided
def pin(version: int, remove: bool, place: str, name: str | None, **how: Any) -> None:
    """Keep VERSION, however many are pushed (`keep_versions`)."""
    registry = _registry(place, name)
    _tell(registry, how, lambda decision: registry.pin(version, not remove, decision))


def _registry(place: str, name: str | None) -> Any:
    from bitpipe.model.registry import Registry

    return Registry(place, name)


def _tell(registry: Any, how: dict[str, Any], decide: Any) -> None:
    from bitpipe.model import registry as registries

    after = decide(registries.decision(how["why"], how["by"]))
    if how["as_json"]:
        in_service = after.served([version.version for version in registry.versions()])
        click.echo(json.dumps({"in_service": in_service, **json.loads(after.to_json())}))
        return
    from pipeline.terminal import versions

    versions.print_decision(registry, after)
