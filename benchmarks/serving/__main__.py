"""Load and faults against the embedded server: `python -m benchmarks.serving`."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import click
from rich.console import Console

from benchmarks.kit import machine
from benchmarks.kit.project import BenchmarkError
from benchmarks.serving import (
    capacity,
    comparison,
    hostile,
    malformed,
    markdown,
    models,
    overload,
    settings,
    soak,
    swaps,
)
from benchmarks.serving.bench import Bench
from benchmarks.serving.goals import Section
from benchmarks.serving.scale import FULL, QUICK


@dataclasses.dataclass(frozen=True)
class Scenario:
    """What is done for one part of the report.

    Attributes:
        prepare: starts processes and does not wait for them.
        run: measures.
        tiny: its only model is the tiny one.
    """

    prepare: Callable[[Bench], None]
    run: Callable[[Bench], Awaitable[Section]]
    tiny: bool = False


SCENARIOS = {
    "throughput": Scenario(comparison.prepare, comparison.throughput),
    "overhead": Scenario(comparison.prepare, comparison.overhead),
    "tiny": Scenario(capacity.prepare, capacity.run, tiny=True),
    "overload": Scenario(overload.prepare, overload.run),
    "settings": Scenario(settings.prepare, settings.run),
    "swaps": Scenario(swaps.prepare, swaps.run, tiny=True),
    "malformed": Scenario(malformed.prepare, malformed.run, tiny=True),
    "hostile": Scenario(hostile.prepare, hostile.run, tiny=True),
    "soak": Scenario(soak.prepare, soak.run, tiny=True),
}

_PATH = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--only",
    "names",
    multiple=True,
    type=click.Choice(list(SCENARIOS)),
    help="Only this; can be repeated.",
)
@click.option(
    "--quick",
    is_flag=True,
    help="The tiny model and small counts: shows that everything runs, its ratios mean nothing.",
)
@click.option("--seed", default=0, show_default=True, help="Of arrivals and of malformed requests.")
@click.option("--json", "json_path", type=_PATH, help="Writes everything that was measured.")
@click.option("--markdown", "markdown_path", type=_PATH, help="Writes the tables as Markdown.")
def main(
    names: Sequence[str],
    quick: bool,
    seed: int,
    json_path: Path | None,
    markdown_path: Path | None,
) -> None:
    """Puts the embedded server under load and faults, and judges what it makes of them."""
    chosen = {name: s for name, s in SCENARIOS.items() if not names or name in names}
    note = Console(stderr=True, highlight=False).print
    try:
        with tempfile.TemporaryDirectory(prefix="bitpipe-benchmark-") as folder:
            scale = QUICK if quick else FULL
            with Bench(Path(folder), scale, seed, note) as bench:
                sections = asyncio.run(_run(bench, list(chosen.values())))
    except BenchmarkError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    described = machine.describe()
    markdown.show(Console(), described, sections)
    if json_path:
        content = markdown.as_json(described, seed, sections)
        json_path.write_text(json.dumps(content, indent=2) + "\n")
    if markdown_path:
        markdown_path.write_text(markdown.markdown(described, sections))


async def _run(bench: Bench, chosen: Sequence[Scenario]) -> list[Section]:
    needed = {models.TINY if scenario.tiny else bench.scale.model for scenario in chosen}
    bench.note(f"writing models: {', '.join(sorted(needed))}")
    bench.write_models(sorted(needed))
    bench.note("starting servers")
    for scenario in chosen:
        scenario.prepare(bench)
    # All at once and before anything is measured: starting one costs the others' processor time.
    bench.wait()
    return [await scenario.run(bench) for scenario in chosen]


if __name__ == "__main__":
    main()
