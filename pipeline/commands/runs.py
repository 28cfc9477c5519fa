"""`bitpipe runs`: what runs on this machine did, and what a version was made from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from pipeline.commands import options

_placed = options.group(
    click.option(
        "--out",
        required=True,
        type=options.LocalPath(),
        help="Folder that `bitpipe run --out` was given.",
    ),
    options.as_json,
)


@click.group(short_help="Show what runs did, and what a version was made from.")
def runs() -> None:
    """Show what the runs of an output folder did.

    RUN is a number as of `list`, the beginning of a run's name, or latest.
    """


@runs.command(name="list")
@click.option("--limit", type=click.IntRange(1), help="Only the last so many.")
@_placed
def list_(out: Path, limit: int | None, as_json: bool) -> None:
    """Print the runs, the last one first."""
    history = _history(out)
    chosen = history.runs[-limit:] if limit else history.runs
    if as_json:
        click.echo(json.dumps([_as_dict(history, run, whole=False) for run in reversed(chosen)]))
        return
    from pipeline.terminal import history as printing

    printing.print_list(history, chosen)


@runs.command()
@click.argument("run", default="latest")
@_placed
def show(run: str, out: Path, as_json: bool) -> None:
    """Print the stages of RUN: seconds, whether cached, artifacts, errors."""
    history = _history(out)
    found = history.run(run)
    if as_json:
        click.echo(json.dumps(_as_dict(history, found)))
        return
    from pipeline.terminal import history as printing

    printing.print_run(history, found)


@runs.command()
@click.argument("first")
@click.argument("second")
@_placed
def compare(first: str, second: str, out: Path, as_json: bool) -> None:
    """Print in which settings, code, times and results run SECOND differs from run FIRST."""
    history = _history(out)
    one, other = history.run(first), history.run(second)
    if as_json:
        changed = [
            {"key": key, "first": before, "second": after}
            for key, before, after in history.differences(one, other)
        ]
        sides = {"first": _as_dict(history, one), "second": _as_dict(history, other)}
        click.echo(json.dumps({**sides, "differences": changed}))
        return
    from pipeline.terminal import history as printing

    printing.print_comparison(history, one, other)


@runs.command()
@click.argument("version", type=int, required=False)
@click.option("--run", "wanted", metavar="RUN", help="Of this run's model, pushed or not.")
@_placed
def lineage(version: int | None, wanted: str | None, out: Path, as_json: bool) -> None:
    """Print what VERSION was made from, back to pictures, configuration and code."""
    if (version is None) == (wanted is None):
        raise click.UsageError("Of what? Give VERSION, or --run.")
    history = _history(out)
    run = history.run(wanted) if version is None else history.of_version(version)
    led = history.lineage(run)
    if as_json:
        made = [_execution(history, execution) for execution in led]
        told = {"version": version, "run": _as_dict(history, run, whole=False), "lineage": made}
        click.echo(json.dumps(told))
        return
    from pipeline.terminal import history as printing

    printing.print_lineage(history, run, led)


def _history(out: Path) -> Any:
    from pipeline.runs import History

    return History(out)


def _as_dict(history: Any, run: Any, *, whole: bool = True) -> dict[str, Any]:
    from pipeline.runs import states

    told = {
        "number": run.number,
        "name": run.name,
        "started": run.started,
        "seconds": round(run.seconds, 3),
        "stages": states(run.executions),
        "accuracy": history.accuracy(run),
        "outcome": history.outcome(run),
    }
    executions = [_execution(history, execution) for execution in run.executions]
    return {**told, "executions": executions} if whole else told


def _execution(history: Any, execution: Any) -> dict[str, Any]:
    told = dataclasses.asdict(execution)
    for side in ("inputs", "outputs"):
        told[side] = {
            key: [dataclasses.asdict(history.artifacts[number]) for number in ids]
            for key, ids in told[side].items()
        }
    return told
